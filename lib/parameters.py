"""Every analysis choice of the chapters: the paper's value, what is allowed, and what it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lib.refusal import Refusal


class ParameterError(Refusal, ValueError):
    """A parameter has a value that is not allowed; the message names it, the value and what is allowed."""


@dataclass(frozen=True)
class Parameter:
    """One analysis choice.

    Attributes
    ----------
    paper : object
        The value that gives the published analysis.
    meaning : str
        What the choice decides, in a reader's words.
    allowed : str
        The allowed values, in a reader's words.
    check : callable
        True for an allowed value.
    presentation : bool
        True where the choice changes what is shown and no result.
    """

    paper: object
    meaning: str
    allowed: str
    check: Callable[[object], bool]
    presentation: bool = False


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _between(low: float, high: float, *, strict: bool = False) -> Callable:
    if strict:
        return lambda value: _is_number(value) and low < value < high
    return lambda value: _is_number(value) and low <= value <= high


def _whole(low: int, high: int) -> Callable:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def one_of(paper, meaning: str, *values) -> Parameter:
    """A choice among named values."""
    listed = ", ".join(repr(value) for value in values)
    return Parameter(paper, meaning, f"one of {listed}",
                     lambda value: any(value == each and type(value) is type(each) for each in values))


def number_between(paper, meaning: str, low: float, high: float, *, strict: bool = False) -> Parameter:
    """A number in an interval, ends included unless `strict`."""
    ends = f"above {low:g} and below {high:g}" if strict else f"from {low:g} to {high:g}"
    return Parameter(paper, meaning, f"a number {ends}", _between(low, high, strict=strict))


def whole_between(paper, meaning: str, low: int, high: int) -> Parameter:
    """A whole number in an interval, ends included."""
    return Parameter(paper, meaning, f"a whole number from {low} to {high}", _whole(low, high))


def shown_only(parameter: Parameter) -> Parameter:
    """A choice that changes what is shown and no result."""
    return replace(parameter, presentation=True)


PARAMETERS: dict[str, Parameter] = {
    "cohort": Parameter("reference", "which patients: a folder under data/, or a path to your own",
                        "the name of a folder under data/, or a path", lambda value: isinstance(value, str) and bool(value)),
    "conf_level": number_between(0.95, "two-sided coverage of every interval", 0.5, 0.999),
    "age_cut_years": number_between(60, "cut between the younger and the older patients, years", 18, 100),
    "early_treatment_months": number_between(4.0, "longest gap from liver metastasis to treatment that counts as early, months", 0, 600),
    "ablation_max_lesions": whole_between(3, "most liver lesions for which the allocation rule names ablation", 1, 50),
    "ablation_size_limit_mm": number_between(30.0, "each lesion must be smaller than this for ablation, mm", 1, 200),
    "show_p_values": shown_only(one_of(False, "whether Table 1 has a column of P values", True, False)),
    "publish": shown_only(one_of(False, "whether counts of few patients are suppressed and single patients left out", True, False)),
    "smallest_count": shown_only(whole_between(5, "with publish, the smallest count that is shown", 2, 100)),
    "largest_denominator": whole_between(100, "largest n tried when a printed percentage is traced to its denominator", 10, 1000),
    "patients_drawn": shown_only(whole_between(40, "most patients drawn one by one; larger cohorts are thinned evenly", 10, 80)),
    "ctcae_version": Parameter(5, "version of CTCAE that grades laboratory values", "one of 4.03, 5, 6",
                               lambda value: _is_number(value) and value in (4.03, 5, 6)),
    "baseline_rule": one_of("as printed", "whether an abnormal baseline changes the limits, as the CTCAE version prints it",
                            "as printed", "multiples of ULN"),
    "toxicity_visit": Parameter("month_3", "visit at which laboratory toxicity is judged", "the name of a visit after baseline in labs.csv",
                                lambda value: isinstance(value, str) and value not in ("", "baseline")),
    "toxicity_window_months": number_between(3.0, "how long after first treatment a clinical adverse event counts, months", 0, 600),
    "response_visit": Parameter("month_3", "visit at which response is read", "the name of a follow-up visit",
                                lambda value: isinstance(value, str) and bool(value) and value != "baseline"),
    "target_lesions": one_of("recorded", "targets as the reader marked them, or the largest within the limits", "recorded", "largest"),
    "response_denominator": one_of("treated", "whom response rates are a share of", "treated", "evaluable"),
    "confirm_response": one_of(False, "whether best response needs a confirming visit", True, False),
    "minimum_stable_days": whole_between(42, "earliest day at which disease counts as stable", 0, 365),
    "reader_kappa": number_between(0.53, "agreement beyond chance between two readers", 0, 1),
    "reader_matrix": Parameter(None, "chance of each second reading given the first, in place of reader_kappa",
                               "None, or a mapping such as {'CR': {'CR': 0.9, 'PR': 0.1}, ...}",
                               lambda value: value is None or isinstance(value, dict) and bool(value)),
    "reader_draws": whole_between(5000, "second readings drawn", 100, 100_000),
    "reader_seed": whole_between(2020, "seed of the second readings", 0, 2**32 - 1),
    "landmark_months": number_between(3.0, "from when patients count where groups become known only after treatment", 0, 24),
    "median_convention": one_of("spss", "program whose median and default interval the published tables use", "spss", "r", "sas", "lifelines"),
    "modern_interval": one_of("log-log", "scale of the second interval of a median and of the bands", "log-log", "log", "plain"),
    "cox_ties": one_of("breslow", "tied deaths in Cox regression (SPSS, SAS: breslow; R, lifelines: efron)", "breslow", "efron", "exact"),
    "liver_pfs_definition": one_of("liver", "event of liver PFS: liver progression, that or death, or any progression or death",
                                   "liver", "liver_or_death", "any_or_death"),
    "crossovers": one_of("first treatment", "how patients with a second kind of treatment count in survival by treatment",
                         "first treatment", "censored at the switch"),
    "smallest_risk_set": whole_between(5, "patients at risk from which a delayed-entry curve is drawn", 1, 1000),
    "detectable_power": number_between(0.8, "power at which the smallest detectable hazard ratio is given", 0.5, 1, strict=True),
    "most_left": number_between(0.5, "largest share of counts-only cohorts left inside for a quantity to count as narrowed", 0, 1),
    "edge_drawn": shown_only(one_of("mrecist_response", "grouping whose two extreme cohorts are drawn", "meld_change",
                                    "mrecist_response", "treatment_gap")),
    "own_claim": shown_only(Parameter("os_treatment.at_24_months >= 0.25", "a reader's own statement about the quantities of the chapters",
                           "a comparison of names in data/identified.csv and numbers, such as 'os_treatment.at_24_months >= 0.25'",
                           lambda value: isinstance(value, str) and bool(value.strip()))),
    "deciding_power": number_between(0.8, "power that a study should have to decide a comparison", 0.5, 1, strict=True),
    "n_resamples": whole_between(2000, "random resamples of the bootstrap, permutation and cut-point search", 200, 20_000),
    "seed": whole_between(20200905, "seed of the random resamples", 0, 2**31 - 1),
    "paper": Parameter("six_mp", "which other paper: a CSV under data/another_paper/, or a path to your own",
                       "the name of a CSV under data/another_paper/, or a path", lambda value: isinstance(value, str) and bool(value)),
    "n_cohorts": whole_between(300, "most invented cohorts kept that agree with the other paper", 50, 5000),
    "search_seconds": number_between(1.0, "effort of drawing one group, in seconds of the machine it was measured on", 0.1, 600),
    "p_within": number_between(0.0, "how far a P value may be from the printed one, beyond rounding", 0, 0.5),
    "limits_within": number_between(0.0, "how far a limit of a median may be from the printed one, in the paper's time unit", 0, 10_000),
    "walk_seed": whole_between(1, "seed of the walk towards an invented cohort that is shown", 0, 2**31 - 1),
    "ensemble_tier": one_of("tolerant", "which of the invented cohorts are described: with limits within a tolerance, or exact", "tolerant", "exact"),
    "search_seed": whole_between(1, "seed of the search for cohorts that agree with the other paper", 0, 2**31 - 1),
}


def check_parameters(parameters: dict) -> None:
    """Refuse a value that is not allowed.

    Parameters
    ----------
    parameters : dict
        Name -> value, as a chapter's parameters cell states them.

    Raises
    ------
    ParameterError
        One sentence with the name, the value and what is allowed.
    """
    for name, value in parameters.items():
        if name not in PARAMETERS:
            raise ParameterError(f"{name} is not a parameter of this collection; it knows {', '.join(sorted(PARAMETERS))}.")
        if not PARAMETERS[name].check(value):
            raise ParameterError(f"{name} = {value!r} is not allowed: it takes {PARAMETERS[name].allowed} "
                                 f"({PARAMETERS[name].meaning}).")


def changed_from_paper(parameters: dict) -> dict[str, tuple]:
    """The choices that are not the paper's.

    Parameters
    ----------
    parameters : dict
        Name -> value.

    Returns
    -------
    dict
        Name -> (value, the paper's value); the cohort and the other paper do not count, being data, nor does a
        choice that changes only what is shown.
    """
    return {name: (value, PARAMETERS[name].paper) for name, value in parameters.items()
            if name not in ("cohort", "paper") and not PARAMETERS[name].presentation and value != PARAMETERS[name].paper}
