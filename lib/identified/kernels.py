"""Compiled survival statistics of small cohorts, for thousands of cohorts in a row.

All functions take the patients of one cohort in any order; those ending in ``_all`` take many cohorts, one a row.
Times are months; ``members`` and ``events`` are boolean; ``entry`` is the time from which a patient is observed, 0
where from the start. Tied events are handled as in the chapters (Breslow in Cox regression). The tests hold each to
lifelines, greenwood, firthmodels or the functions of `lib.survival`.
"""

from __future__ import annotations

import math

import numba
import numpy as np

KNIFE_EDGE = 1e-9  # a survival this close to one half touches it
NO_ESTIMATE, RISES, FALLS, ESTIMATED = 0, 1, 2, 3
"""Why a hazard ratio is missing: nothing to compare; infinite; zero; or it is there."""
HALVINGS, BISECTIONS, FARTHEST_LOG_RATIO = 30, 52, 60.0

_jit = numba.njit(cache=True)


@_jit
def survival_points(exits, entry, events, members, points, found):
    """Kaplan-Meier survival of the members at given times; NaN beyond the longest follow-up of a curve above 0.

    Parameters
    ----------
    exits, entry : float arrays, shape (n,)
    events, members : bool arrays, shape (n,)
    points : float array, shape (n_points,)
        Ascending.
    found : float array, shape (n_points,)
        Filled.
    """
    survival, longest, point = 1.0, -1.0, 0
    for patient in np.argsort(exits):
        if not members[patient]:
            continue
        while point < points.size and points[point] + 1e-12 < exits[patient]:
            found[point] = survival
            point += 1
        longest = exits[patient]
        if events[patient]:
            survival *= _step(exits, entry, events, members, patient)
    for rest in range(point, points.size):
        beyond = points[rest] > longest and survival > KNIFE_EDGE
        found[rest] = math.nan if beyond or longest < 0.0 else survival


@_jit
def _step(exits, entry, events, members, patient):
    """One patient's share of the factor by which the curve falls at the patient's time: tied deaths multiply up."""
    now, at_risk, before = exits[patient], 0, 0
    for other in range(exits.size):
        if members[other] and exits[other] >= now and entry[other] < now:
            at_risk += 1
            before += events[other] and exits[other] == now and other < patient
    return (at_risk - before - 1) / (at_risk - before)


@_jit
def median_time(exits, entry, events, members):
    """First time with Kaplan-Meier survival of the members at or below one half; infinity where never."""
    survival = 1.0
    for patient in np.argsort(exits):
        if members[patient] and events[patient]:
            survival *= _step(exits, entry, events, members, patient)
            if survival <= 0.5 + KNIFE_EDGE:
                return exits[patient]
    return math.inf


@_jit
def restricted_mean(exits, events, members, horizon):
    """Area under the members' Kaplan-Meier curve up to a horizon; NaN where it lies beyond a curve above 0."""
    survival, area, last, longest = 1.0, 0.0, 0.0, -1.0
    entry = np.full(exits.size, -1.0)
    for patient in np.argsort(exits):
        if not members[patient]:
            continue
        longest = exits[patient]
        if events[patient] and exits[patient] < horizon:
            area += survival * (exits[patient] - last)
            last = exits[patient]
            survival *= _step(exits, entry, events, members, patient)
    if horizon > longest + KNIFE_EDGE and survival > KNIFE_EDGE:
        return math.nan
    return area + survival * (horizon - last)


@_jit
def log_rank(exits, entry, events, members):
    """Observed minus expected events of the members, and its hypergeometric variance."""
    return weighted_log_rank(exits, entry, events, members, 0.0)


@_jit
def weighted_log_rank(exits, entry, events, members, power):
    """The same with each time weighted by its number at risk to a power: 1 Breslow-Wilcoxon, one half Tarone-Ware.

    References
    ----------
    Tarone RE, Ware J. Biometrika 1977;64:156-160.
    """
    difference, variance = 0.0, 0.0
    for patient in range(exits.size):
        if not events[patient]:
            continue
        now, at_risk, inside, dying, first = exits[patient], 0, 0, 0, True
        for other in range(exits.size):
            if exits[other] >= now and entry[other] < now:
                at_risk += 1
                inside += members[other]
                if events[other] and exits[other] == now:
                    dying += 1
                    first &= other >= patient
        weight = float(at_risk) ** power
        difference += weight * (members[patient] - inside / at_risk)
        if first and at_risk > 1:
            share = inside / at_risk
            variance += weight * weight * share * (1.0 - share) * dying * (at_risk - dying) / (at_risk - 1)
    return difference, variance


@_jit
def cumulative_incidence(exits, kinds, cause, points, found):
    """Aalen-Johansen cumulative incidence of one cause at given times.

    Parameters
    ----------
    exits : float array, shape (n,)
    kinds : int array, shape (n,)
        0 for censored, otherwise the cause.
    cause : int
    points : float array, shape (n_points,)
        Ascending.
    found : float array, shape (n_points,)
        Filled.
    """
    order = np.argsort(exits)
    survival, incidence, point, start = 1.0, 0.0, 0, 0
    while start < exits.size:
        now, stop, any_cause, this_cause = exits[order[start]], start, 0, 0
        while stop < exits.size and exits[order[stop]] == now:
            any_cause += kinds[order[stop]] != 0
            this_cause += kinds[order[stop]] == cause
            stop += 1
        while point < points.size and points[point] + 1e-12 < now:
            found[point] = incidence
            point += 1
        at_risk = exits.size - start
        incidence += survival * this_cause / at_risk
        survival *= (at_risk - any_cause) / at_risk
        start = stop
    found[point:] = incidence


@_jit
def _moments(weights, x, at_risk):
    """Sum of weights, and mean, variance and third central moment of x among those at risk."""
    total, first = 0.0, 0.0
    for patient in range(x.size):
        if at_risk[patient]:
            total += weights[patient]
            first += weights[patient] * x[patient]
    mean = first / total
    second, third = 0.0, 0.0
    for patient in range(x.size):
        if at_risk[patient]:
            off = x[patient] - mean
            second += weights[patient] * off * off
            third += weights[patient] * off * off * off
    return total, mean, second / total, third / total


@_jit
def partial_likelihood(exits, entry, events, x, beta):
    """Log partial likelihood (Breslow) with its first two derivatives' negatives and the information's slope.

    Returns
    -------
    tuple of float
        Log likelihood, score, information, and the derivative of the information.
    """
    weights, at_risk = np.exp(beta * x), np.zeros(x.size, np.bool_)
    value, score, information, slope = 0.0, 0.0, 0.0, 0.0
    for patient in range(x.size):
        if not events[patient]:
            continue
        now = exits[patient]
        for other in range(x.size):
            at_risk[other] = exits[other] >= now and entry[other] < now
        total, mean, second, third = _moments(weights, x, at_risk)
        value += beta * x[patient] - math.log(total)
        score += x[patient] - mean
        information += second
        slope += third
    return value, score, information, slope


@_jit
def estimable(exits, entry, events, x):
    """Whether a hazard ratio exists: `NO_ESTIMATE`, `RISES` (to infinity), `FALLS` (to zero) or `ESTIMATED`.

    References
    ----------
    Heinze G, Schemper M. Biometrics 2001;57:114-119.
    """
    highest, lowest, informative = True, True, False
    for patient in range(x.size):
        if not events[patient]:
            continue
        low, high = math.inf, -math.inf
        for other in range(x.size):
            if exits[other] >= exits[patient] and entry[other] < exits[patient]:
                low, high = min(low, x[other]), max(high, x[other])
        informative |= high > low
        highest &= x[patient] == high
        lowest &= x[patient] == low
    if not informative:
        return NO_ESTIMATE
    return RISES if highest else FALLS if lowest else ESTIMATED


@_jit
def cox(exits, entry, events, x):
    """Cox regression on one covariate by Newton's method, Breslow ties.

    Parameters
    ----------
    exits, entry, x : float arrays, shape (n,)
    events : bool array, shape (n,)

    Returns
    -------
    tuple
        Log hazard ratio a unit of x (infinite or NaN where there is none), its standard error, z of the score test, and
        twice the log likelihood ratio.
    """
    status = estimable(exits, entry, events, x)
    if status == NO_ESTIMATE:
        return math.nan, math.nan, math.nan, math.nan
    spread = x.std()
    scaled = (x - x.mean()) / spread
    value, score, information, _ = partial_likelihood(exits, entry, events, scaled, 0.0)
    score_z, beta, at_zero = score / math.sqrt(information), 0.0, value
    if status != ESTIMATED:
        return math.inf if status == RISES else -math.inf, math.nan, score_z, math.nan
    for _ in range(100):
        step = score / information
        for _ in range(HALVINGS):
            found = partial_likelihood(exits, entry, events, scaled, beta + step)
            if found[0] >= value - 1e-12:
                break
            step /= 2.0
        beta += step
        value, score, information = found[0], found[1], found[2]
        if abs(step) < 1e-13 * max(1.0, abs(beta)):
            break
    return beta / spread, 1.0 / math.sqrt(information) / spread, score_z, 2.0 * (value - at_zero)


@_jit
def _penalised(exits, entry, events, x, beta):
    """Firth's penalised log likelihood and its derivative."""
    value, score, information, slope = partial_likelihood(exits, entry, events, x, beta)
    return value + 0.5 * math.log(information), score + 0.5 * slope / information


@_jit
def firth(exits, entry, events, x, half_quantile):
    """Firth's penalised Cox regression on one covariate, with its profile-likelihood interval.

    Parameters
    ----------
    exits, entry, x : float arrays, shape (n,)
    events : bool array, shape (n,)
    half_quantile : float
        Half the chi-square quantile of the interval: 1.92 for a coverage of 95%.

    Returns
    -------
    tuple of float
        Log hazard ratio a unit of x, its lower and upper limit, and twice the penalised likelihood ratio; NaN where
        there is nothing to compare.

    References
    ----------
    Heinze G, Schemper M. Biometrics 2001;57:114-119.
    """
    if estimable(exits, entry, events, x) == NO_ESTIMATE:
        return math.nan, math.nan, math.nan, math.nan
    spread = x.std()
    scaled = (x - x.mean()) / spread
    lower, upper = -1.0, 1.0
    while _penalised(exits, entry, events, scaled, lower)[1] < 0.0 and lower > -FARTHEST_LOG_RATIO:
        lower *= 2.0
    while _penalised(exits, entry, events, scaled, upper)[1] > 0.0 and upper < FARTHEST_LOG_RATIO:
        upper *= 2.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (lower + upper)
        if _penalised(exits, entry, events, scaled, middle)[1] > 0.0:
            lower = middle
        else:
            upper = middle
    beta = 0.5 * (lower + upper)
    best = _penalised(exits, entry, events, scaled, beta)[0]
    at_zero = _penalised(exits, entry, events, scaled, 0.0)[0]
    limits = np.empty(2)
    for side in range(2):
        direction = 2.0 * side - 1.0
        near, far = 0.0, 1.0
        while (best - _penalised(exits, entry, events, scaled, beta + direction * far)[0] < half_quantile
               and far < FARTHEST_LOG_RATIO):
            near, far = far, 2.0 * far
        for _ in range(BISECTIONS):
            middle = 0.5 * (near + far)
            if best - _penalised(exits, entry, events, scaled, beta + direction * middle)[0] < half_quantile:
                near = middle
            else:
                far = middle
        limits[side] = beta + direction * 0.5 * (near + far)
    return beta / spread, limits[0] / spread, limits[1] / spread, 2.0 * (best - at_zero)


@_jit
def log_rank_scores(exits, events):
    """Each patient's event (1 or 0) less the cumulative hazard of everybody at the own time."""
    scores = np.empty(exits.size)
    for patient in range(exits.size):
        hazard = 0.0
        for other in range(exits.size):
            if events[other] and exits[other] <= exits[patient]:
                at_risk = 0
                for third in range(exits.size):
                    at_risk += exits[third] >= exits[other]
                hazard += 1.0 / at_risk
        scores[patient] = events[patient] - hazard
    return scores


@_jit
def _half_sums(scores, sums, sizes):
    """Sums and sizes of all subsets of a few scores."""
    for subset in range(1 << scores.size):
        total, size = 0.0, 0
        for place in range(scores.size):
            if (subset >> place) & 1:
                total += scores[place]
                size += 1
        sums[subset], sizes[subset] = total, size


@_jit
def permutation_p_values(exits, events, groups):
    """Exact permutation log-rank P of several groupings of one cohort, all arrangements counted.

    Parameters
    ----------
    exits : float array, shape (n,)
    events : bool array, shape (n,)
    groups : bool array, shape (n_groupings, n)

    Returns
    -------
    float array, shape (n_groupings,)

    Notes
    -----
    The patients are split into two halves; the subsets of each are sorted by size and sum, and pairs are counted by two
    fingers that move against each other.

    References
    ----------
    Pagano M, Tritchler D. J Am Stat Assoc 1983;78:435-440.
    """
    n, half = exits.size, exits.size // 2
    scores = log_rank_scores(exits, events)
    left, left_size = np.empty(1 << half), np.empty(1 << half, np.int64)
    right, right_size = np.empty(1 << (n - half)), np.empty(1 << (n - half), np.int64)
    _half_sums(scores[:half], left, left_size)
    _half_sums(scores[half:], right, right_size)
    # 1e4 parts the sizes: a sum of scores is smaller
    left = left[np.argsort(left_size * 1e4 + left)]
    right = right[np.argsort(right_size * 1e4 + right)]
    left_start, right_start = np.zeros(half + 2, np.int64), np.zeros(n - half + 2, np.int64)
    for size in left_size:
        left_start[size + 1] += 1
    for size in right_size:
        right_start[size + 1] += 1
    left_start, right_start = np.cumsum(left_start), np.cumsum(right_start)
    found = np.empty(len(groups))
    for number in range(len(groups)):
        observed, members = 0.0, 0
        for patient in range(n):
            if groups[number, patient]:
                observed += scores[patient]
                members += 1
        limit = abs(observed) - KNIFE_EDGE  # an equally large difference counts, whatever the rounding
        extreme, total = 0, 0
        for size in range(max(0, members - (n - half)), min(half, members) + 1):
            first, last = right_start[members - size], right_start[members - size + 1]
            over, under = last, last
            for place in range(left_start[size], left_start[size + 1]):
                while over > first and left[place] + right[over - 1] >= limit:
                    over -= 1
                while under > first and left[place] + right[under - 1] > -limit:
                    under -= 1
                extreme += last - over + under - first
                if over < under:  # a limit of 0: everything is counted once
                    extreme -= under - over
            total += (left_start[size + 1] - left_start[size]) * (last - first)
        found[number] = extreme / total
    return found


@_jit
def corrected_p(gaps, scores, cuts, places):
    """Share of random reassignments whose best cut of a covariate divides the patients as well as the best cut here.

    Parameters
    ----------
    gaps : float array, shape (n,)
        The covariate; a patient is early where it is at or below a cut.
    scores : float array, shape (n,)
        From `log_rank_scores`.
    cuts : float array, shape (n_cuts,)
        Ascending.
    places : int array, shape (n_resamples, n)
        Random orders of the patients.

    Returns
    -------
    float
        (hits + 1) / (n_resamples + 1); NaN where no cut divides the patients.

    References
    ----------
    Lausen B, Schumacher M. Biometrics 1992;48:73-85.
    """
    n = gaps.size
    order, squares = np.argsort(gaps), (scores * scores).sum()
    scale, usable = np.zeros(n + 1), 0
    for cut in cuts:
        early = 0
        for gap in gaps:
            early += gap <= cut
        if 0 < early < n and scale[early] == 0.0:
            scale[early] = 1.0 / math.sqrt(early * (n - early) / (n * (n - 1.0)) * squares)
            usable += 1
    if usable == 0 or squares < KNIFE_EDGE:
        return math.nan
    observed, hits = 0.0, 0
    for number in range(-1, places.shape[0]):  # the patients as they are come first
        total, largest = 0.0, 0.0
        for early in range(1, n):
            patient = order[early - 1]
            total += scores[patient] if number < 0 else scores[places[number, patient]]
            largest = max(largest, abs(total) * scale[early])
        if number < 0:
            observed = largest
        else:
            hits += largest >= observed - KNIFE_EDGE
    return (hits + 1) / (places.shape[0] + 1)
