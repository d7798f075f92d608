"""Claims as predicates over quantities, decided in many cohorts at once or by proved limits.

A predicate compares quantities by their dotted names, numbers and sums of them, joined by ``and``, ``or`` and ``not``:

    os_treatment.treatment_gap.p < 0.05 and os_treatment.treatment_gap.hazard_ratio > 1

Two numbers nearer than `KNIFE_EDGE` count as equal, so that a survival of exactly one half is one half.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lib.refusal import Refusal
from lib.survival.estimate import KNIFE_EDGE

_ARITHMETIC = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
_SIGNS = {ast.Gt: (1, True), ast.GtE: (1, False), ast.Lt: (-1, True), ast.LtE: (-1, False)}


class PredicateError(Refusal, ValueError):
    """A predicate that cannot be read; the message says what is wrong and what is allowed."""


@dataclass(frozen=True)
class Between:
    """A number known to lie between two ends, both included."""

    low: float
    high: float

    def __add__(self, other: Between) -> Between:
        return Between(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Between) -> Between:
        return Between(self.low - other.high, self.high - other.low)

    def __mul__(self, other: Between) -> Between:
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Between(min(ends), max(ends))

    def __truediv__(self, other: Between) -> Between:
        if other.low <= 0 <= other.high:
            return Between(-np.inf, np.inf)
        return self * Between(1 / other.high, 1 / other.low)


def names_in(predicate: str) -> list[str]:
    """The quantities that a predicate reads, in order of appearance."""
    found: list[str] = []
    _walk(_parse(predicate), lambda name: found.append(name) or Between(0, 1), Between)
    return list(dict.fromkeys(found))


def holds(predicate: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Whether a predicate is true in each cohort.

    Parameters
    ----------
    predicate : str
    values : mapping of str to ndarray of float, shape (n_cohorts,)

    Returns
    -------
    ndarray of float, shape (n_cohorts,)
        1 or 0; NaN in a cohort that lacks a quantity.

    Raises
    ------
    PredicateError
        If the predicate cannot be read or names an unknown quantity.
    """
    unknown = np.zeros(1, bool)

    def read(name: str) -> np.ndarray:
        nonlocal unknown
        if name not in values:
            raise PredicateError(f"'{predicate}' names {name}, which is not computed; see lib.identified.quantities.")
        unknown = unknown | np.isnan(values[name])
        return np.asarray(values[name], float)

    truth = _walk(_parse(predicate), read, lambda low, high: np.float64(low))
    truth, unknown = np.broadcast_arrays(truth, unknown)
    return np.where(unknown, np.nan, truth.astype(float))


def decided(predicate: str, limits: Callable[[str], Between]) -> bool | None:
    """Whether limits decide a predicate: True, False, or None where they do not.

    Parameters
    ----------
    predicate : str
    limits : callable
        Gives the limits of a quantity; of one that nothing is known of, infinite ends.
    """
    return _walk(_parse(predicate), limits, Between)


def _parse(predicate: str) -> ast.expr:
    try:
        return ast.parse(predicate.strip(), mode="eval").body
    except SyntaxError as error:
        raise PredicateError(f"'{predicate}' cannot be read: write comparisons such as 'os_treatment.median > 12.8', joined by "
                             "and, or, not.") from error


def _walk(node: ast.expr, read: Callable, number: Callable):
    """Evaluate a predicate: numbers by arithmetic of their type, truths as arrays, or as True, False and None."""
    if isinstance(node, ast.BoolOp):
        parts = [_walk(value, read, number) for value in node.values]
        return _all(parts) if isinstance(node.op, ast.And) else _not(_all([_not(part) for part in parts]))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _not(_walk(node.operand, read, number))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return number(0.0, 0.0) - _walk(node.operand, read, number)
    if isinstance(node, ast.Compare):
        sides = [_walk(side, read, number) for side in (node.left, *node.comparators)]
        if all(type(op) in _SIGNS for op in node.ops):
            return _all([_compare(a, b, *_SIGNS[type(op)]) for op, a, b in zip(node.ops, sides, sides[1:])])
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        return _ARITHMETIC[type(node.op)](_walk(node.left, read, number), _walk(node.right, read, number))
    if isinstance(node, (ast.Attribute, ast.Name)):
        return read(ast.unparse(node))
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return number(float(node.value), float(node.value))
    raise PredicateError(f"'{ast.unparse(node)}' is not allowed in a predicate: it takes quantities, numbers, + - * /, <, <=, >, >=, "
                         "and, or, not.")


def _compare(a, b, sign: int, strict: bool):
    """Whether sign * (a - b) is above zero, or at least zero."""
    edge = KNIFE_EDGE if strict else -KNIFE_EDGE
    if not isinstance(a, Between):
        with np.errstate(invalid="ignore"):
            return np.where(np.isinf(a) & np.isinf(b) & (a == b), not strict, sign * (a - b) > edge)
    low, high = (a.low - b.high, a.high - b.low) if sign > 0 else (b.low - a.high, b.high - a.low)
    # half an edge of slack for the floating point of a limit that itself lies one edge above a level
    return True if low > edge - KNIFE_EDGE / 2 else False if high <= edge - KNIFE_EDGE / 2 else None


def _not(truth):
    return truth if truth is None else not truth if isinstance(truth, bool) else ~truth


def _all(truths: list):
    """And, of arrays or of True, False and None."""
    if all(isinstance(truth, np.ndarray) for truth in truths):
        return np.logical_and.reduce(np.broadcast_arrays(*truths))
    return False if any(truth is False for truth in truths) else None if any(truth is None for truth in truths) else True
