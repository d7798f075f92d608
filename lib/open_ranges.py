"""The mark beside a number that the paper does not print: its range over all cohorts that agree with the paper.

One cohort's value of such a number means nothing by itself. `mark` is for a sentence, `note` for what stands under a
table or figure; both come from `lib.identified.ranges`.
"""

from __future__ import annotations

import html
from fnmatch import fnmatchcase

from lib.identified.ranges import GRADES, IMPLIED, Range, lookup, read_ranges
from lib.quantity_names import readable

SIGNS = {"implied": "●", "narrowed": "◐", "open": "○", "not searched": "–"}
NOT_SEARCHED = "not searched"
WHY_NOT = "the cohorts of the ensemble hold survival, treatment and response, not what this number needs"


def mark(quantity: str, label: str = "") -> str:
    """A number's range and grade for a sentence, as HTML in Markdown: ``(○ 20.6 to 44.9 months in all cohorts found: open)``.

    Parameters
    ----------
    quantity : str
        Dotted name.
    label : str
        What the range is of, where the sentence leaves that open.

    Returns
    -------
    str
    """
    found = lookup(quantity)
    if found is None:
        text = f"{SIGNS[NOT_SEARCHED]} range {NOT_SEARCHED}"
    else:
        where = ", proved" if found.grade == IMPLIED else " in all cohorts found"
        text = f"{SIGNS[found.grade]} {html.escape(_span(found))}{where}: {found.grade}"
    return f' <span class="open-range">({label}{": " if label else ""}{text})</span>'


def matching(patterns: tuple[str, ...]) -> list[str]:
    """Names of the file of ranges that fit any of the patterns, in its order."""
    return [name for name in read_ranges().index if any(fnmatchcase(name, pattern) for pattern in patterns)]


def note(names: list[str]) -> str:
    """What the paper leaves open of some numbers, as HTML that unfolds: a line of counts, then one row a number.

    Parameters
    ----------
    names : list of str
        Dotted names of numbers that the paper does not print.

    Returns
    -------
    str
        Blank without names.
    """
    if not names:
        return ""
    found = {name: lookup(name) for name in names}
    grades = [each.grade if each else NOT_SEARCHED for each in found.values()]
    counts = ", ".join(f"{grades.count(grade)} {grade}" for grade in SIGNS if grade in grades)
    what = "number of this part is" if len(names) == 1 else "numbers of this part are"
    rows = "".join(_row(name, each) for name, each in sorted(found.items(), key=lambda item: [*SIGNS].index(item[1].grade if item[1] else NOT_SEARCHED)))
    meanings = "; ".join(f"{SIGNS[grade]} <em>{grade}</em>: {html.escape(meaning)}" for grade, meaning in [*GRADES.items(), (NOT_SEARCHED, WHY_NOT)]
                         if grade in grades)
    return (f'<details class="open-ranges"><summary>{len(names)} {what} not printed by the paper. Over all cohorts found that agree with it: '
            f"{counts}.</summary>\n<table><thead><tr><th scope=\"col\">Number</th><th scope=\"col\">Proved value, or range over all cohorts found</th>"
            f'<th scope="col">Grade</th></tr></thead><tbody>{rows}</tbody></table>\n<p>{meanings}. A range found is a lower bound of what is possible, '
            "and shares of cohorts are no probabilities. Quote no single cohort's value.</p></details>")


def _row(name: str, found: Range | None) -> str:
    title = readable(name) if found is None or not found.n_cohorts else f"{found.title[:1].upper()}{found.title[1:]}"
    title = title if not title.startswith("MRECIST") else f"m{title[1:]}"
    grade = found.grade if found else NOT_SEARCHED
    span = _span(found) if found else "–"
    return f'<tr data-quantity="{html.escape(name)}"><th scope="row">{html.escape(title)}</th><td>{html.escape(span)}</td><td>{SIGNS[grade]} {grade}</td></tr>'


def _span(found: Range) -> str:
    """The range with its unit, which follows a number only."""
    unit = {"months": " months", "%": "%"}.get(found.unit, "")
    if not found.span.endswith("not reached"):
        return f"{found.span}{unit}"
    low = found.span.removesuffix(" to not reached")
    return found.span if low == found.span else f"{low}{unit} to not reached"
