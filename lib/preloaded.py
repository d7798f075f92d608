"""Imported once by the fork server of `lib.preheated`: what the chapters and their kernels are made of."""

# ruff: noqa: F401
import gc

import docx
import firthmodels
import fontTools.subset
import great_tables
import greenwood
import IPython.core.pylabtools
import ipykernel.kernelapp
import ipykernel.zmqshell
import lifelines
import lxml.html
import markdown_it
import matplotlib.backends.backend_pdf
import matplotlib.backends.backend_svg
import matplotlib.pyplot
import matplotlib_inline.backend_inline
import pandas
import pandera.backends.pandas.builtin_checks
import pandera.pandas
import papermill
import scipy.stats
import statsmodels.stats.proportion

import lib.pool

# what is imported stays; a fork need not look through it, and so have it copied, each time it collects garbage
gc.freeze()
