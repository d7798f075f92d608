"""Kaplan-Meier curves, and the medians, means and at-risk tables read from them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.kept import kept
from lib.survival.checks import SurvivalDataError, check_survival

KNIFE_EDGE = 1e-9  # a survival this close to a level touches it: floating error must not move a median
MEDIAN_CONVENTIONS = {
    # program: (where the median lies on a flat step at exactly 0.5, its default interval)
    "spss": ("start", "spss"),
    "r": ("middle", "log"),
    "sas": ("middle before the next event", "log-log"),
    "lifelines": ("start", "log-log"),
}
INTERVALS = ("spss", "log", "log-log", "plain")


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier curve as the steps of a life table.

    All arrays have one element for each distinct time, the first being time zero.

    Attributes
    ----------
    times : ndarray
        Distinct event and censoring times, months, ascending, from 0.
    at_risk, events, censored : ndarray of int
        Patients at risk just before each time, events and censorings at it.
    survival : ndarray
        Probability of being event-free after each time.
    hazard_variance : ndarray
        Greenwood's sum, the variance of log survival; infinite once survival is 0.
    entry : ndarray or None
        Delayed-entry times of the patients, where there are any.
    exit : ndarray
        End of follow-up of each patient, months.
    died : ndarray of bool
        Event flag of each patient.
    conf_level : float
        Two-sided coverage of the intervals read from the curve.
    """

    times: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    censored: np.ndarray
    survival: np.ndarray
    hazard_variance: np.ndarray
    exit: np.ndarray
    died: np.ndarray
    entry: np.ndarray | None
    conf_level: float

    @property
    def n(self):
        """Number of patients."""
        return len(self.exit)

    @property
    def n_events(self):
        """Number of events."""
        return int(self.died.sum())

    @property
    def longest(self):
        """Longest follow-up, months."""
        return float(self.exit.max())

    def at(self, months):
        """Survival at `months` (a number or an array)."""
        return self.survival[self.step_at(months)]

    def step_at(self, months):
        """Position, in the arrays above, of the step that holds `months` (a number or an array)."""
        return np.searchsorted(self.times, np.asarray(months) + 1e-12, side="right") - 1

    def band(self, interval="log-log"):
        """Pointwise confidence limits of the curve, `(lower, upper)`; see `confidence_band`."""
        return confidence_band(self.survival, self.hazard_variance, self.conf_level, interval)


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Infinity is "not reached"; None is "not computed", and `reason` says why.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    reason: str = ""

    def __iter__(self):
        return iter((self.value, self.lower, self.upper))


def kaplan_meier(months, event, *, conf_level=0.95, entry=None):
    """Kaplan-Meier estimate of survival.

    Parameters
    ----------
    months, event, entry
        See `lib.survival.checks.check_survival`. A patient with delayed entry is at risk after `entry`
        and up to `months`, both counted from time zero.
    conf_level : float
        Two-sided coverage of intervals read from the curve.

    Returns
    -------
    Curve

    Raises
    ------
    SurvivalDataError
        On data refused by `check_survival`.

    Notes
    -----
    The life table is lifelines'. The product is taken here: lifelines sums logarithms, which moves a survival of
    exactly 0.5 by 1e-16 to either side, and with it the median by months; and it refuses delayed entry once the
    risk set has emptied.

    References
    ----------
    Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481. Greenwood M, 1926 (variance).
    """
    months, event, entry = check_survival(months, event, entry)
    times, events, censored = _life_table(months, event, None if entry is None else np.maximum(entry, 0.0))
    at_risk = number_at_risk(times, months, entry)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(np.where(events > 0, 1 - events / at_risk, 1.0))
        terms = np.where(events > 0, events / (at_risk * (at_risk - events)), 0.0)
    return Curve(times, at_risk, events, censored, survival, np.cumsum(terms), months, event, entry, conf_level)


@kept
def _life_table(months, event, births):
    from lifelines.utils import survival_table_from_events  # late: importing costs more than estimating

    table = survival_table_from_events(months, event, birth_times=births)
    return table.index.to_numpy(), table["observed"].to_numpy(), table["censored"].to_numpy()


def number_at_risk(times, exit_months, entry_months=None):
    """Patients under observation just before each of `times`: entered before it, not yet gone."""
    remaining = len(exit_months) - np.searchsorted(np.sort(exit_months), times)
    if entry_months is None:
        return remaining
    return remaining - (len(entry_months) - np.searchsorted(np.sort(entry_months), times))


def confidence_band(survival, hazard_variance, conf_level, interval="log-log"):
    """Pointwise confidence limits of a survival curve.

    Parameters
    ----------
    survival, hazard_variance : ndarray, shape (n_times,)
        Survival and Greenwood's sum (variance of its logarithm).
    conf_level : float
        Two-sided coverage.
    interval : {"log-log", "log", "plain"}
        Scale on which the interval is symmetric: log-log (SAS, lifelines), log (R), plain (SPSS charts).

    Returns
    -------
    tuple of ndarray
        Lower and upper limit within 0 to 1; missing where survival is 0 and, on the log-log scale, 1.

    References
    ----------
    Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data, 2nd ed., section 1.4.
    """
    if interval not in ("log-log", "log", "plain"):
        raise SurvivalDataError(f"interval {interval!r} is not one of 'log-log', 'log', 'plain'.")
    z = _z(conf_level)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = z * np.sqrt(hazard_variance)
        if interval == "plain":
            lower, upper = survival - survival * error, survival + survival * error
        elif interval == "log":
            lower, upper = survival * np.exp(-error), survival * np.exp(error)
        else:
            shift = error / np.log(survival)
            lower, upper = survival ** np.exp(-shift), survival ** np.exp(shift)
    gone = (survival <= 0) | ((hazard_variance == 0) & (interval == "log-log"))
    return np.where(gone, np.nan, np.maximum(lower, 0)), np.where(gone, np.nan, np.minimum(upper, 1))


def median_survival(curve, convention="spss", interval=None):
    """Median of a Kaplan-Meier curve with its confidence interval, by a program's convention.

    Parameters
    ----------
    curve : Curve
    convention : {"spss", "r", "sas", "lifelines"}
        Where survival is exactly 0.5 over a flat step, R and SAS take the middle of the step, SPSS and lifelines its
        beginning. Where the curve ends on that step, R's printed median is its beginning; by SAS's formula there is none.
    interval : {"spss", "log", "log-log", "plain"}, optional
        The program's default if not given. "spss" is symmetric about the median; the others hold the times at
        which the confidence band contains 0.5 (Brookmeyer and Crowley).

    Returns
    -------
    Estimate
        Months; infinity is "not reached".

    References
    ----------
    IBM SPSS Statistics Algorithms, KM: survival percentiles. SAS/STAT User's Guide, PROC LIFETEST: quartiles.
    R package survival, quantile.survfit. Brookmeyer R, Crowley J. Biometrics 1982;38:29-41.
    """
    if convention not in MEDIAN_CONVENTIONS:
        raise SurvivalDataError(f"median convention {convention!r} is not one of {', '.join(MEDIAN_CONVENTIONS)}.")
    on_flat_step, default = MEDIAN_CONVENTIONS[convention]
    interval = interval or default
    median = first_time_at_or_below(curve, curve.survival, 0.5, on_flat_step)
    if interval == "spss":
        return _spss_interval(curve, median)
    lower, upper = curve.band(interval)
    return Estimate(median, first_time_at_or_below(curve, lower, 0.5, on_flat_step),
                    first_time_at_or_below(curve, upper, 0.5, on_flat_step))


def first_time_at_or_below(curve, values, level, on_flat_step):
    """First time at which a step function of the curve is at or below a level; infinity if never.

    Parameters
    ----------
    curve : Curve
    values : ndarray, shape (n_times,)
        Survival or one limit of its band, missing where it does not exist.
    level : float
        Touched within `KNIFE_EDGE`.
    on_flat_step : {"start", "middle", "middle before the next event"}
        What is taken of a step that lies exactly on the level. Where no later event ends it, "middle" takes its
        beginning and "middle before the next event" is not reached.
    """
    below = np.flatnonzero(values <= level + KNIFE_EDGE)
    if not len(below):
        return float("inf")
    first = below[0]
    if on_flat_step == "start" or abs(values[first] - level) > KNIFE_EDGE:
        return float(curve.times[first])
    later = np.flatnonzero(~(np.abs(values[first:] - level) <= KNIFE_EDGE))
    if len(later):
        return float((curve.times[first] + curve.times[first + later[0]]) / 2)
    return float(curve.times[first]) if on_flat_step == "middle" else float("inf")


def _spss_interval(curve, median):
    """Median with the symmetric interval of SPSS: Greenwood's error over a density from 0.55 to 0.45."""
    if not np.isfinite(median):
        return Estimate(median, None, None, "survival stays above 0.5, so SPSS gives no standard error")
    above = np.flatnonzero((curve.survival >= 0.55 - KNIFE_EDGE) & ((curve.events > 0) | (curve.times == 0)))
    below = np.flatnonzero(curve.survival <= 0.45 + KNIFE_EDGE)
    at = np.searchsorted(curve.times, median)
    if not len(below):
        return Estimate(median, None, None, "survival stays above 0.45, so SPSS has no density at the median")
    if curve.survival[at] <= 0 or not len(above):
        return Estimate(median, None, None, "survival falls to 0 at the median, where it has no standard error")
    upper, lower = above[-1], below[0]
    density = (curve.survival[upper] - curve.survival[lower]) / (curve.times[lower] - curve.times[upper])
    error = curve.survival[at] * np.sqrt(curve.hazard_variance[at]) / density
    half = _z(curve.conf_level) * error
    return Estimate(median, max(0.0, float(median - half)), float(median + half))


def mean_survival(curve, to_months=None):
    """Mean survival restricted to `to_months`: the area under the curve (RMST).

    Parameters
    ----------
    curve : Curve
    to_months : float, optional
        Horizon; the longest follow-up if not given, as SPSS prints a mean when the longest time is censored.

    Returns
    -------
    Estimate
        Months, with the interval from Greenwood's variance of the area.

    Raises
    ------
    SurvivalDataError
        If the horizon lies beyond the longest follow-up and the curve has not reached 0.

    References
    ----------
    Klein JP, Moeschberger ML. Survival Analysis, 2nd ed., section 4.5 (variance without the n/(n-1) of SPSS).
    """
    horizon = curve.longest if to_months is None else float(to_months)
    if horizon > curve.longest + 1e-9 and curve.survival[-1] > 0:
        raise SurvivalDataError(
            f"The mean is asked for up to {horizon:g} months, but nobody was followed beyond {curve.longest:g}.")
    inside = slice(np.searchsorted(curve.times, horizon))
    widths = np.diff(np.append(curve.times[inside], horizon))
    areas = curve.survival[inside] * widths
    to_come = np.cumsum(areas[::-1])[::-1]  # area from each time to the horizon
    events, at_risk = curve.events[inside], curve.at_risk[inside]
    survivors = at_risk - events
    terms = events / np.where(survivors > 0, at_risk * survivors, np.inf)
    mean, half = float(areas.sum()), _z(curve.conf_level) * float(np.sqrt(np.sum(to_come**2 * terms)))
    return Estimate(mean, mean - half, mean + half)


def survival_at(curve, months, interval="log-log"):
    """Survival probability at a time, with its interval; not computed beyond the longest follow-up."""
    if months > curve.longest and curve.survival[-1] > 0:
        return Estimate(None, reason=f"nobody was followed to {months:g} months")
    position = curve.step_at(months)
    lower, upper = (float(limit[position]) for limit in curve.band(interval))
    return Estimate(float(curve.survival[position]), lower, upper)


def at_risk_table(curve, months):
    """Extended at-risk table: at risk, events and censorings at the start of each period.

    Parameters
    ----------
    curve : Curve
    months : array-like of float, shape (n_ticks,)
        Starts of the periods, as on the axis.

    Returns
    -------
    pandas.DataFrame
        One row a tick: `months`, `at_risk` (followed to at least that time), `events` and `censored` (before it).
        Without delayed entry the three add up to the number of patients in every row.

    References
    ----------
    Morris TP et al. BMJ Open 2019;9:e030215 (KMunicate). The counting is R's and SAS's, not lifelines' default.
    """
    months = np.asarray(months, dtype=float)
    gone = lambda flags: np.searchsorted(np.sort(curve.exit[flags]), months)  # noqa: E731
    return pd.DataFrame({"months": months, "at_risk": number_at_risk(months, curve.exit, curve.entry),
                         "events": gone(curve.died), "censored": gone(~curve.died)})


def follow_up(months, died, conf_level=0.95):
    """Follow-up by the naive method and by reverse Kaplan-Meier.

    Returns
    -------
    dict
        `naive_median`, `naive_min`, `naive_max` (all patients, months) and `reverse`, an Estimate: the median of
        the Kaplan-Meier curve in which censoring is the event, with its log-log interval.

    References
    ----------
    Schemper M, Smith TL. Control Clin Trials 1996;17:343-346.
    """
    months, died, _ = check_survival(months, died)
    reverse = kaplan_meier(months, ~died, conf_level=conf_level)
    return {"naive_median": float(np.median(months)), "naive_min": float(months.min()),
            "naive_max": float(months.max()), "reverse": median_survival(reverse, "lifelines")}


def _z(conf_level):
    from statistics import NormalDist

    return NormalDist().inv_cdf(0.5 + conf_level / 2)
