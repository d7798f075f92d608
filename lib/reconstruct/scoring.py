"""Compiled kernels of the sampler: how far a cohort is from what was printed, and a walk that keeps near it.

A cohort stands in order of time: ``months`` ascending, ``died`` and one row of ``labels`` a comparison in the same
order. Its misfit is a sum of distances from the printed intervals, in months; a log-rank test counts its distance on
the z scale, `MONTHS_PER_Z` months a unit. A misfit of 0 is a consistent cohort.
"""

from __future__ import annotations

import math

import numba
import numpy as np

KNIFE_EDGE = 1e-9  # a survival this close to 0.5, 0.55 or 0.45 touches it
CONF_FACTOR = 1.959963984540054
MONTHS_PER_Z = 30.0
FARTHEST = 15.0  # months; what is farther off, or missing, costs no more
NO_LIMIT = 1e8  # an interval's end beyond this binds nothing
NEVER = 1e9  # a median that the curve does not reach

NOTHING, TIME, DEATHS, DEATHS_AND_LABELS = -4, -3, -2, -1
"""Changes of `propose`; the number of a comparison stands for a change of its labels."""

_jit = numba.njit(cache=True)
_within = numba.njit(cache=True, forceinline=True)  # of a short function that a loop calls, handing over the arrays takes longest


@_jit
def outside(value, lower, upper):
    """Distance of a value from an interval, at most `FARTHEST`."""
    return min(max(lower - value, value - upper, 0.0), FARTHEST)


@_jit
def row_misfit(months, died, members, flag, row):
    """Distance of a Kaplan-Meier median and its SPSS limits from a printed row.

    Parameters
    ----------
    months : float array, shape (n,)
        Ascending.
    died, members : bool arrays, shape (n,)
    flag : bool
        The label of the row's patients.
    row : float array, shape (6,)
        `MedianRow.as_array`; a median of `NEVER` to `NEVER` is "not reached".

    Returns
    -------
    float
        Months.
    """
    return _row_misfit(months, died, members, flag, False, row)


@_within
def _row_misfit(months, died, members, flag, everyone, row):
    """`row_misfit` of the patients with a label, or of everyone."""
    at_risk = died.size
    if not everyone:
        at_risk = 0
        for patient in range(died.size):
            at_risk += members[patient] == flag
    if row[3] > NO_LIMIT and row[4] < -NO_LIMIT and row[2] < -NO_LIMIT and row[5] > NO_LIMIT:
        return _median_misfit(months, died, members, flag, everyone, at_risk, row)
    survival, variance, error = 1.0, 0.0, -1.0
    above, above_months, median = 1.0, 0.0, NEVER
    below, below_months = -1.0, 0.0
    for patient in range(died.size):
        if not (everyone or members[patient] == flag):
            continue
        if died[patient]:
            survival *= (at_risk - 1) / at_risk
            if at_risk > 1:
                variance += 1.0 / (at_risk * (at_risk - 1))
            if survival >= 0.55 - KNIFE_EDGE:
                above, above_months = survival, months[patient]
            if median == NEVER and survival <= 0.5 + KNIFE_EDGE:
                median, error = months[patient], survival * math.sqrt(variance)
            if survival <= 0.45 + KNIFE_EDGE:
                below, below_months = survival, months[patient]
                break
        at_risk -= 1
    misfit = outside(median, row[0], row[1])
    if below < 0.0 or median == NEVER:
        return misfit + FARTHEST
    half = CONF_FACTOR * error * (below_months - above_months) / (above - below)
    return misfit + outside(median - half, row[2], row[3]) + outside(median + half, row[4], row[5])


@_within
def _median_misfit(months, died, members, flag, everyone, at_risk, row):
    """`_row_misfit` of a row without limits: the curve need not be followed past its median."""
    survival = 1.0
    for patient in range(died.size):
        if everyone or members[patient] == flag:
            survival *= (at_risk - 1) / at_risk if died[patient] else 1.0
            if survival <= 0.5 + KNIFE_EDGE:
                return outside(months[patient], row[0], row[1])
            at_risk -= 1
    return outside(NEVER, row[0], row[1])


@_within
def log_rank_z(died, members):
    """Absolute log-rank z of two groups from their order alone; 0 where its variance is 0."""
    inside = 0
    for patient in range(members.size):
        inside += members[patient]
    at_risk = members.size
    difference, variance = 0.0, 0.0
    for patient in range(died.size):
        if died[patient]:
            share = inside / at_risk
            difference += members[patient] - share
            variance += share * (1 - share)
        inside -= members[patient]
        at_risk -= 1
    return abs(difference) / math.sqrt(variance) if variance > 0.0 else 0.0


@_jit
def survival_at(months, died, landmark):
    """Kaplan-Meier survival of everybody at one time."""
    survival = 1.0
    for patient in range(died.size):
        if months[patient] > landmark:
            break
        if died[patient]:
            survival *= (died.size - patient - 1) / (died.size - patient)
    return survival


@_within
def misfit(months, died, labels, rows, z_ends, follow_up, landmarks, enough=1e9):
    """Distance of a cohort from everything printed; 0 for a consistent one.

    Parameters
    ----------
    months : float array, shape (n,)
        Ascending.
    died : bool array, shape (n,)
    labels : bool array, shape (n_comparisons, n)
    rows : float array, shape (1 + 2 n_comparisons, 6)
        The overall row, then each comparison's rows for the flag false and true.
    z_ends : float array, shape (n_comparisons, 2)
        Ends of each absolute log-rank z.
    follow_up : float array, shape (6,)
        Ends of the plain median, of the shortest and of the longest time.
    landmarks : float array, shape (n_landmarks, 3)
        Time and ends of the survival printed for it.
    enough : float
        A misfit beyond this need not be known: the sum stops there.

    Returns
    -------
    float
    """
    n = died.size
    total = 0.0
    if rows[0, 0] > -NO_LIMIT or rows[0, 1] < NO_LIMIT:
        total += _row_misfit(months, died, died, True, True, rows[0])
    total += outside((months[(n - 1) // 2] + months[n // 2]) / 2, follow_up[0], follow_up[1])
    for number in range(landmarks.shape[0]):
        survival = survival_at(months, died, landmarks[number, 0])
        total += MONTHS_PER_Z * outside(survival, landmarks[number, 1], landmarks[number, 2])
    for comparison in range(labels.shape[0]):
        if total > enough:
            return total
        members = labels[comparison]
        total += MONTHS_PER_Z * outside(log_rank_z(died, members), z_ends[comparison, 0], z_ends[comparison, 1])
        if total > enough:
            return total
        total += _row_misfit(months, died, members, False, False, rows[1 + 2 * comparison])
        total += _row_misfit(months, died, members, True, False, rows[2 + 2 * comparison])
    return total


@_jit
def _move_time(months, died, labels, patient, new):
    """Give one patient a new time and keep everybody in order; the patient's new place."""
    step = 1 if new > months[patient] else -1
    there = patient
    while 0 <= there + step < months.size and (months[there + step] - new) * step < 0:
        there += step
    _move_place(months, died, labels, patient, there)
    months[there] = new
    return there


@_jit
def _move_place(months, died, labels, here, there):
    """Move one patient, whose time is given later, from one place of the order to another; those between make room."""
    step = 1 if there > here else -1
    event = died[here]
    for place in range(here, there, step):
        months[place], died[place] = months[place + step], died[place + step]
    died[there] = event
    for comparison in range(labels.shape[0]):
        label = labels[comparison, here]
        for place in range(here, there, step):
            labels[comparison, place] = labels[comparison, place + step]
        labels[comparison, there] = label


@_jit
def _beside(a, b):
    """Density, but for a factor, of a jump from beside one time to another."""
    square = ((a - b) / 0.3) ** 2
    return math.exp(-0.5 * square) if square < 1500.0 else 0.0  # what is too small for a number takes long to be found so


@_within
def propose(months, died, labels, follow_up):
    """Change a cohort at random, in place.

    Returns
    -------
    tuple
        The log of the move's Hastings factor, or NaN for a move that is not allowed; and what `take_back` needs.
    """
    n, n_comparisons = died.size, labels.shape[0]
    kind = np.random.random()
    i = np.random.randint(n)
    if kind < 0.4:
        old = months[i]
        if kind < 0.33:
            width = 0.8 if kind < 0.05 else (0.15 if kind < 0.18 else 0.02)
            new = old * math.exp(width * np.random.normal())
            factor = math.log(new / old)
        else:
            j = np.random.randint(n)  # beside another patient
            new, factor = months[j] + 0.3 * np.random.normal(), 0.0
            if new <= 0.0:
                return math.nan, NOTHING, i, i, 0.0
            back, there = 0.0, 0.0  # density of this jump, and of the way back
            for other in range(n):
                if other != i:
                    there += _beside(new, months[other])
                    back += _beside(old, months[other])
            there += _beside(new, old)
            back += _beside(new, old)
            factor = math.log(back / there) if back > 0.0 else -1e9
        total = 0.0
        for patient in range(n):
            total += months[patient]
        # iid exponential times whose common mean has the scale-free prior: density (sum of times) ** -n
        factor += n * math.log(total / (total - old + new))
        j = _move_time(months, died, labels, i, new)
        legal = follow_up[2] <= months[0] <= follow_up[3] and follow_up[4] <= months[n - 1] <= follow_up[5]
        return factor if legal else math.nan, TIME, i, j, old
    j = np.random.randint(n) if np.random.random() < 0.5 else i + np.random.randint(1, 4)
    if j >= n or i == j:
        return math.nan, NOTHING, i, i, 0.0
    if kind < 0.6 or n_comparisons == 0:
        change = DEATHS
        if died[i] == died[j]:
            return math.nan, NOTHING, i, j, 0.0
    elif kind < 0.92:
        change = np.random.randint(n_comparisons)
        if labels[change, i] == labels[change, j]:
            return math.nan, NOTHING, i, j, 0.0
    else:
        change = DEATHS_AND_LABELS
    _swap(died, labels, change, i, j)
    return 0.0, change, i, j, 0.0


@_jit
def _swap(died, labels, change, i, j):
    """Let two patients trade a label (the number of the comparison), deaths, or both and all labels."""
    if change < 0:
        died[i], died[j] = died[j], died[i]
    for comparison in range(labels.shape[0]):
        if comparison == change or change == DEATHS_AND_LABELS:
            labels[comparison, i], labels[comparison, j] = labels[comparison, j], labels[comparison, i]


@_within
def take_back(months, died, labels, change, i, j, old):
    """Undo a change of `propose`."""
    if change == TIME:
        _move_place(months, died, labels, j, i)
        months[i] = old
    elif change != NOTHING:
        _swap(died, labels, change, i, j)


@_jit
def _steps(months, died, labels, rows, z_ends, follow_up, landmarks, beta, energy, n_steps):
    """Metropolis steps of one walker, in place: its misfit then, and the smallest it met."""
    best = energy
    for _ in range(n_steps):
        factor, change, i, j, old = propose(months, died, labels, follow_up)
        if not math.isnan(factor):
            enough = energy + (factor - math.log(1.0 - np.random.random())) / beta
            if enough >= 0.0:
                tried = misfit(months, died, labels, rows, z_ends, follow_up, landmarks, enough)
                if tried <= enough:
                    energy, best = tried, min(best, tried)
                    continue
        take_back(months, died, labels, change, i, j, old)
    return energy, best


@_jit
def _trade(at, energies, betas, level, chance):
    """Let the replicas at two neighbouring temperatures trade places, if a uniform number says so."""
    a, b = at[level], at[level + 1]
    gain = (betas[level] - betas[level + 1]) * (energies[a] - energies[b])
    if math.log(1.0 - chance) < gain:
        at[level], at[level + 1] = b, a


@numba.njit(cache=True, nogil=True)  # two walks go on side by side in threads
def walk(months, died, labels, rows, z_ends, follow_up, landmarks, betas, n_rounds, n_steps, burn_in, seed, decimals,
         kept_months, kept_died, kept_labels, kept_round):
    """Replica exchange: walks at several temperatures that trade places; consistent cohorts are kept.

    Parameters
    ----------
    months : float array, shape (n_replicas, n)
        Start of each replica, ascending; changed in place, as are ``died`` and ``labels``.
    died : bool array, shape (n_replicas, n)
    labels : bool array, shape (n_replicas, n_comparisons, n)
    rows, z_ends, follow_up, landmarks
        As in `misfit`.
    betas : float array, shape (n_replicas,)
        Inverse temperatures, per month of misfit.
    n_rounds, n_steps : int
        Rounds, and steps of every replica in a round; replicas trade places between rounds.
    burn_in : int
        Rounds before any cohort is kept.
    seed : int
    decimals : int
        Kept times are rounded to this; a cohort that rounding spoils is not kept.
    kept_months, kept_died, kept_labels, kept_round : arrays, shape (capacity, ...)
        Filled; when full, every second is dropped and from then on half as many are kept.

    Returns
    -------
    tuple
        Number kept, number of consistent cohorts seen at the ends of rounds, the smallest misfit met.
    """
    np.random.seed(seed)
    n_replicas, n = months.shape
    energies = np.empty(n_replicas)
    for replica in range(n_replicas):
        energies[replica] = misfit(months[replica], died[replica], labels[replica], rows, z_ends, follow_up, landmarks)
    at = np.arange(n_replicas)  # the replica at each temperature
    new_months = np.empty(n)
    kept, seen, every, since, best = 0, 0, 1, 0, energies.min()
    unit = 10.0**decimals
    for number in range(n_rounds):
        for level in range(n_replicas):
            r = at[level]
            energies[r], least = _steps(months[r], died[r], labels[r], rows, z_ends, follow_up, landmarks, betas[level], energies[r],
                                        n_steps)
            best = min(best, least)
        for level in range(number % 2, n_replicas - 1, 2):
            _trade(at, energies, betas, level, np.random.random())
        if number < burn_in:
            continue
        for r in range(n_replicas):
            if energies[r] > 0.0:
                continue
            seen += 1
            since += 1
            if since < every:
                continue
            since = 0
            new_months[:] = np.floor(months[r] * unit + 0.5) / unit
            tied = False
            for patient in range(n - 1):
                tied |= new_months[patient] >= new_months[patient + 1]
            legal = follow_up[2] <= new_months[0] <= follow_up[3] and follow_up[4] <= new_months[n - 1] <= follow_up[5]
            if tied or not legal or misfit(new_months, died[r], labels[r], rows, z_ends, follow_up, landmarks) > 0.0:
                continue
            if kept == kept_round.size:
                for half in range(kept // 2):
                    kept_months[half] = kept_months[2 * half]
                    kept_died[half] = kept_died[2 * half]
                    kept_labels[half] = kept_labels[2 * half]
                    kept_round[half] = kept_round[2 * half]
                kept, every = kept // 2, 2 * every
            kept_months[kept], kept_died[kept] = new_months, died[r]
            kept_labels[kept], kept_round[kept] = labels[r], number
            kept += 1
    return kept, seen, best


@_jit
def trace(months, died, labels, rows, z_ends, follow_up, landmarks, betas, n_steps, seeds, chances, coldest, hottest, least):
    """Replica exchange as `walk`, told round by round; every replica's steps have a seed of their own.

    Parameters
    ----------
    months, died, labels, rows, z_ends, follow_up, landmarks, betas, n_steps
        As in `walk`.
    seeds : int array, shape (n_rounds, n_replicas)
        By level of temperature.
    chances : float array, shape (n_rounds, n_replicas)
        Uniform, for the trades after each round, by the lower level of two.
    coldest, hottest, least : float arrays, shape (n_rounds,)
        Filled: misfit at the last and the first temperature after the round's trades, and the smallest met so far.
    """
    n_rounds, n_replicas = seeds.shape
    at, energies, best = np.arange(n_replicas), np.empty(n_replicas), math.inf
    for replica in range(n_replicas):
        energies[replica] = misfit(months[replica], died[replica], labels[replica], rows, z_ends, follow_up, landmarks)
    for number in range(n_rounds):
        for level in range(n_replicas):
            r = at[level]
            np.random.seed(seeds[number, level])
            energies[r], met = _steps(months[r], died[r], labels[r], rows, z_ends, follow_up, landmarks, betas[level], energies[r],
                                      n_steps)
            best = min(best, met)
        for level in range(number % 2, n_replicas - 1, 2):
            _trade(at, energies, betas, level, chances[number, level])
        coldest[number], hottest[number], least[number] = energies[at[-1]], energies[at[0]], best
