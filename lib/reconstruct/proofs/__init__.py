"""What no cohort can give, shown by trying everything; `lib.reconstruct.proofs.__main__` writes the list.

``counts`` (percentages, response tables), ``scores`` (MELD, age), ``clocks`` (intervals and medians), ``progression``
(readings of liver PFS) each prove a few claims; ``claim`` says what a proof is.
"""
