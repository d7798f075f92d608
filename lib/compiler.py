"""Imported by the server of `lib.watch`: numba as a first compiled function leaves it.

What numba looks up for its first one takes half a second, which a chapter that is forked from the server then need not wait.
"""

import gc

import numba

numba.njit(lambda number: number)(0)
gc.collect()
gc.freeze()
