"""Another paper's survival summary held against its own numbers.

`ledger` reads the CSV that a reader fills in, `granularity` and `checks` look for figures that exclude each other,
`layout` names a cohort's figures and `figures` computes them in compiled code, `ensemble` holds the cohorts that `pairing` finds to
agree with what is printed, `claims` judges sentences against the print and those cohorts, `known` fetches patients who are public,
`report` puts it into tables and sentences.
"""
