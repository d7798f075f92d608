"""Lesion diameters at baseline and at the month-3 visit, made to carry each intended category.

RECIST reads whole diameters of all lesions, mRECIST the viable (enhancing) diameters in the liver.
Sums of targets keep clear of the -30% and +20% limits, so that no category hangs on a millimetre.

Worse by RECIST but not by mRECIST: either a new lesion outside the liver, which mRECIST as used here does not
see, or an ablation zone, which is larger than the tumour it replaced and no longer enhances. Worse by mRECIST
but not by RECIST: a necrotic lesion whose viable part grows back inside an unchanged outline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.reconstruct.completion.printed import CompletionError, PrintedFigures

ORGANS = ("lung", "peritoneum", "soft tissue", "bone")
MEASURABLE_MM = 10
MAX_TARGETS_PER_ORGAN = 2
# relative change of a target sum that stands clearly for a category
CLEAR_CHANGE = {"CR": (-1.0, -1.0), "PR": (-0.85, -0.38), "SD": (-0.22, 0.12), "PD": (0.27, 1.8)}
LEAST_GROWTH_MM = 7
DRAWS = 2_000


@dataclass
class Lesion:
    """One lesion at one visit; ``viable_mm`` is None outside the liver."""

    name: str
    organ: str
    whole_mm: int
    viable_mm: int | None
    target: bool
    new: bool = False


def draw_lesions(patients: pd.DataFrame, printed: PrintedFigures,
                 rng: np.random.Generator) -> pd.DataFrame:
    """The long table of lesions of both visits.

    Parameters
    ----------
    patients : DataFrame, shape (n_patients, n_columns)
        ``patient, visit_day, first_treatment, mrecist, recist, extrahepatic_progression,
        extrahepatic_disease, n_liver_lesions``.
    printed : PrintedFigures
        ``allocation.ablation.*``.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        ``patient, visit, visit_day, lesion, longest_diameter_mm, viable_diameter_mm, target, new,
        extrahepatic, organ``.
    """
    limit_mm = 10 * printed.value("allocation.ablation.lesion_size.limit")
    rows = []
    for patient in patients.itertuples():
        before, after = _both_visits(patient, limit_mm, rng)
        day_before = -int(rng.integers(3, 29))
        rows += [_row(patient.patient, "baseline", day_before, lesion) for lesion in before]
        rows += [_row(patient.patient, "month_3", patient.visit_day, lesion) for lesion in after]
    return pd.DataFrame(rows, columns=["patient", "visit", "visit_day", "lesion", "longest_diameter_mm",
                                       "viable_diameter_mm", "target", "new", "extrahepatic", "organ"])


def draw_lesion_counts(patients: pd.DataFrame, printed: PrintedFigures,
                       rng: np.random.Generator) -> np.ndarray:
    """Liver lesions at baseline: one if solitary, few enough for ablation, otherwise two to nine.

    Parameters
    ----------
    patients : DataFrame
        ``first_treatment, solitary``.
    printed : PrintedFigures
        ``allocation.ablation.lesions.max``.

    Returns
    -------
    ndarray of int, shape (n_patients,)
    """
    most_ablated = printed.count("allocation.ablation.lesions.max")
    ablated = rng.integers(2, most_ablated + 1, len(patients))
    embolised = 2 + rng.binomial(7, 0.42, len(patients))
    several = np.where(patients.first_treatment == "ablation", ablated, embolised)
    return np.where(patients.solitary, 1, several)


def _row(patient: str, visit: str, day: int, lesion: Lesion) -> tuple:
    viable = pd.NA if lesion.viable_mm is None else lesion.viable_mm
    return (patient, visit, int(day), lesion.name, lesion.whole_mm, viable, lesion.target, lesion.new,
            lesion.organ != "liver", lesion.organ)


def _both_visits(patient, limit_mm: float,
                 rng: np.random.Generator) -> tuple[list[Lesion], list[Lesion]]:
    """Lesions of one patient at both visits, redrawn until both categories are clear."""
    for _ in range(DRAWS):
        before = _liver_at_baseline(patient, limit_mm, rng)
        if patient.extrahepatic_disease:
            before += _outside_at_baseline(patient, rng)
        after = _at_month_3(patient, before, rng)
        if _categories_are_clear(patient, before, after):
            return before, after
    raise CompletionError(f"{patient.patient}: no lesions were found that are {patient.recist} by RECIST and "
                          f"{patient.mrecist} by mRECIST; try another seed.")


def _liver_at_baseline(patient, limit_mm: float, rng: np.random.Generator) -> list[Lesion]:
    """Liver lesions, largest first; the two largest measurable ones are targets."""
    if patient.first_treatment == "ablation":
        sizes = rng.integers(MEASURABLE_MM + 3, limit_mm - 2, patient.n_liver_lesions)
    else:
        # a lesion of the limit or more is what kept these patients from ablation
        largest = round(rng.uniform(limit_mm + 4, limit_mm + 62))
        others = np.rint(largest * rng.beta(1.6, 2.2, patient.n_liver_lesions - 1)).clip(min=6)
        sizes = np.append(others, largest)
    sizes = np.sort(sizes.astype(int))[::-1]
    # viable growth without growth of the whole needs necrosis to start from
    share = (0.5, 0.62) if (patient.mrecist, patient.recist) == ("PD", "SD") else (0.78, 1.0)
    return [Lesion(f"L{number}", "liver", int(size), round(size * rng.uniform(*share)),
                   target=number <= MAX_TARGETS_PER_ORGAN and size >= MEASURABLE_MM)
            for number, size in enumerate(sizes, start=1)]


def _outside_at_baseline(patient, rng: np.random.Generator) -> list[Lesion]:
    """One to three lesions outside the liver, small enough for the liver to dominate."""
    largest = 14 if patient.first_treatment == "ablation" else 26
    organ = str(rng.choice(ORGANS[:3]))
    sizes = np.sort(rng.integers(6, largest + 1, rng.integers(1, 4)))[::-1]
    return [Lesion(f"E{number}", organ, int(size), None,
                   target=number <= MAX_TARGETS_PER_ORGAN and size >= MEASURABLE_MM)
            for number, size in enumerate(sizes, start=1)]


def _at_month_3(patient, before: list[Lesion], rng: np.random.Generator) -> list[Lesion]:
    """The same lesions three months on, and any new ones."""
    new_in_liver = patient.mrecist == "PD" and patient.recist == "PD" and rng.random() < 0.5
    after = [_later(patient, lesion, new_in_liver, rng) for lesion in before]
    if new_in_liver:
        size = int(rng.integers(11, 22))
        number = 1 + sum(lesion.organ == "liver" for lesion in before)
        after.append(Lesion(f"L{number}", "liver", size, size, target=False, new=True))
    if patient.extrahepatic_progression:
        number = 1 + sum(lesion.organ != "liver" for lesion in before)
        after.append(Lesion(f"E{number}", str(rng.choice(ORGANS)), int(rng.integers(12, 27)), None,
                            target=False, new=True))
    return after


def _later(patient, lesion: Lesion, new_in_liver: bool, rng: np.random.Generator) -> Lesion:
    """One lesion at the month-3 visit."""
    if lesion.viable_mm is None:
        whole = 0 if patient.recist == "CR" else round(lesion.whole_mm * rng.uniform(0.92, 1.07))
        return Lesion(lesion.name, lesion.organ, whole, None, lesion.target)
    whole = _whole_later(patient, lesion, new_in_liver, rng)
    viable = min(whole, round(lesion.viable_mm * _viable_factor(patient.mrecist, new_in_liver, rng)))
    return Lesion(lesion.name, "liver", whole, viable, lesion.target)


def _whole_later(patient, lesion: Lesion, new_in_liver: bool, rng: np.random.Generator) -> int:
    """Whole diameter: the ablation zone where one is measured, else the tumour's own change."""
    if patient.recist == "CR":
        return 0
    if patient.recist == "PR":
        return round(lesion.whole_mm * rng.uniform(0.35, 0.6))
    grown = patient.recist == "PD" and not patient.extrahepatic_progression
    if grown and patient.first_treatment == "ablation":
        return lesion.whole_mm + int(rng.integers(7, 13))
    if grown and not new_in_liver:
        return round(lesion.whole_mm * rng.uniform(1.4, 1.7))
    return round(lesion.whole_mm * rng.uniform(0.88, 1.08))


def _viable_factor(mrecist: str, new_in_liver: bool, rng: np.random.Generator) -> float:
    """Viable diameter at month 3 as a multiple of that at baseline."""
    if mrecist == "CR":
        return 0.0
    if mrecist == "PR":
        return rng.uniform(0.3, 0.58)
    if mrecist == "SD" or new_in_liver:
        return rng.uniform(0.8, 1.08)
    return rng.uniform(1.4, 1.75)


def _categories_are_clear(patient, before: list[Lesion], after: list[Lesion]) -> bool:
    """Whether both target sums change as the intended categories demand, with room to spare."""
    whole = _sums(before, after, "whole_mm")
    viable = _sums(before, after, "viable_mm")
    appeared = {"liver" if lesion.organ == "liver" else "outside" for lesion in after if lesion.new}
    by_recist = bool(appeared) or _clear(patient.recist, *whole)
    if patient.recist == "PD" and not appeared:
        by_recist &= whole[1] - whole[0] >= LEAST_GROWTH_MM
    by_mrecist = "liver" in appeared or _clear(patient.mrecist, *viable)
    dominant = sum(lesion.whole_mm for lesion in before if lesion.organ == "liver") > sum(
        lesion.whole_mm for lesion in before if lesion.organ != "liver")
    return by_recist and by_mrecist and dominant


def _sums(before: list[Lesion], after: list[Lesion], diameter: str) -> tuple[int, int]:
    """Sum of the targets' diameters at each visit; lesions without that diameter do not count."""
    return tuple(sum(getattr(lesion, diameter) or 0 for lesion in visit if lesion.target)
                 for visit in (before, after))


def _clear(category: str, before: int, after: int) -> bool:
    lower, upper = CLEAR_CHANGE[category]
    return lower <= (after - before) / before <= upper
