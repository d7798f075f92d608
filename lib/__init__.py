"""The helper library of the study: one module per job, imports run one way.

data (``cohort``, ``published``, ``parameters``) -> domain (``toxicity``, ``response``, ``survival``)
-> presentation (``figures``, ``tables``, ``narrative``) -> notebooks; ``run`` executes them.
"""

import sys

# jsonschema, which every reader of notebooks loads, would build a grammar of web addresses for over a second, to check
# a format that no notebook has; told that the grammar's package is absent, it leaves that check out
sys.modules.setdefault("rfc3987_syntax", None)

ADMITTED = "STUDY_ADMITTED"
"""Environment variable in which a run tells its chapters the folder of a cohort that it has checked already."""

CHECKED = "STUDY_CHECKED"
"""Environment variable that names a file in which the run has kept that cohort, for chapters to read where it is small."""

REHEARSAL = "STUDY_REHEARSAL"
"""Environment variable under which a chapter shows nothing of what it makes: it is computed only for what is kept."""
