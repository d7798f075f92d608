"""Invent a cohort whose analysis gives the figures a paper printed.

``constraints`` turns the ledger into intervals, ``search`` and ``times`` find a survival skeleton,
``completion`` fills in the rest, ``verify`` checks the written files with other programs.
"""

AIM = (0.90, 0.99)
"""Where the share of truths inside a 95% range should lie, in the calibration."""
