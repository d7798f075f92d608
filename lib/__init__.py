"""The helper library of the study: one module per job, imports run one way.

data (``cohort``, ``published``, ``parameters``) -> domain (``toxicity``, ``response``, ``survival``)
-> presentation (``figures``, ``tables``, ``narrative``) -> notebooks; ``run`` executes them.
"""
