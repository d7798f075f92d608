"""What the printed figures pin down: every unpublished quantity and claim over all cohorts that agree with the paper.

``kernels`` are compiled statistics of one cohort, ``cohorts`` holds many of them as arrays, ``quantities`` computes
every unpublished quantity of all, ``marginals`` draws cohorts that know the printed counts only, ``proved`` gives limits
that no agreeing cohort can break, and ``ranges`` gathers all this into ``data/identified.csv`` and looks a quantity up.
"""
