"""Another paper's summary: what the CSV may hold, what its figures exclude, and cohorts that agree with it.

Expectations come from hand calculation, from the R package scrutiny (GRIM, GRIMMER), from R's survival
(``tests/oracles``) and from `lib.survival`, which is held to R elsewhere.
"""

import itertools
import math
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.another_paper import __main__ as command
from lib.another_paper import figures as kernels
from lib.another_paper import report
from lib.another_paper.checks import run_checks
from lib.another_paper.claims import judge, parse_predicate
from lib.another_paper.ensemble import Search, find_cohorts
from lib.another_paper.granularity import grim_sums, grimmer_sums
from lib.another_paper.known import figures_of_patients, known_patients
from lib.another_paper.layout import PROGRAMS, Layout
from lib.another_paper.ledger import Claim, PaperError, read_paper
from lib.another_paper.pairing import event_splits
from lib.another_paper.scale import NEVER, binding, printed_value
from lib.notebooks import NotebookError
from lib.published import agrees
from lib.run import paper_parameter
from lib.survival import cox, kaplan_meier, logrank, mean_survival, median_survival, survival_at

ROOT = Path(__file__).resolve().parents[1]
R = pd.read_csv(ROOT / "tests" / "oracles" / "survival_r.csv").set_index(["dataset", "quantity"]).value
HEADER = "quantity,group,printed,place,note"
SMALL = ["time_unit,,months,,", "n,A,20,,", "n,B,20,,", "events,A,15,,", "events,B,10,,"]


@pytest.fixture
def paper(tmp_path):
    """A function that writes rows under a header and reads them as a summary."""

    def read(*rows, beside=SMALL, header=HEADER):
        path = tmp_path / "paper.csv"
        path.write_text("\n".join([header, *beside, *rows]) + "\n", encoding="utf-8")
        return read_paper(path)

    return read


# -- GRIM and GRIMMER ----------------------------------------------------------------------------------

# the data set pigs5 of the R package scrutiny 0.6 with the results of its grimmer_map(), from the package's own tests
SCRUTINY = [("7.22", "5.30", 38, "GRIM"), ("4.74", "6.55", 31, ""), ("5.23", "2.55", 35, "GRIMMER"), ("2.57", "2.57", 30, ""), ("6.77", "2.18", 33, "GRIM"),
            ("2.68", "2.59", 34, ""), ("7.01", "6.68", 35, "GRIM"), ("7.38", "3.65", 32, ""), ("3.14", "5.32", 33, "GRIM"), ("6.89", "4.18", 37, ""),
            ("5.00", "2.18", 31, ""), ("0.24", "6.43", 34, "")]


@pytest.mark.parametrize(("mean", "sd", "n", "fails"), SCRUTINY)
def test_grim_and_grimmer_agree_with_scrutiny(mean, sd, n, fails):
    assert bool(grim_sums(mean, n)) == (fails != "GRIM")
    assert bool(grimmer_sums(mean, sd, n)) == (not fails)


def test_every_triple_of_whole_numbers_passes_grim_and_grimmer():
    for values in itertools.combinations_with_replacement(range(7), 3):
        mean, sd = f"{sum(values) / 3:.2f}", f"{statistics.stdev(values):.2f}"
        assert sum(values) in grim_sums(mean, 3)
        assert (sum(values), sum(value**2 for value in values)) in grimmer_sums(mean, sd, 3)


# -- kernels -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_cohorts_figures_are_those_of_the_survival_library(program):
    rng, layout = np.random.default_rng(5), Layout(("A", "B"), (4.0, 11.0), (9.0,))
    for size in (6, 20, 31, 40) * 3:
        months = np.sort(rng.exponential(10, size)) + 0.01
        died, first = rng.random(size) < 0.7, rng.permutation(np.arange(size) < size // 2)
        found = np.empty(len(layout.names))
        kernels.figures_of(months, died, first, True, *PROGRAMS[program], np.array(layout.survival_at), np.array(layout.mean_time_to), found)
        found = dict(zip(layout.names, found, strict=True))
        for group, members in (("(A)", first), ("(B)", ~first), ("", np.ones(size, bool))):
            curve = kaplan_meier(months[members], died[members])
            median = median_survival(curve, program)
            for end, value in (("", median.value), (".lower", median.lower), (".upper", median.upper)):
                ours = found[f"median{end}{group}"]
                if value is None or not math.isfinite(value):
                    assert math.isnan(ours) or ours >= NEVER
                elif program == "spss" and end == ".lower":
                    assert max(ours, 0.0) == pytest.approx(value, abs=1e-9)
                else:
                    assert ours == pytest.approx(value, abs=1e-9)
            reverse = median_survival(kaplan_meier(months[members], ~died[members]), program).value
            assert min(found[f"follow_up.reverse_median{group}"], NEVER) == pytest.approx(min(reverse, NEVER), abs=1e-9)
            for at in layout.survival_at:
                value = survival_at(curve, at).value
                assert math.isnan(found[f"survival.{at:g}{group}"]) if value is None else found[f"survival.{at:g}{group}"] == pytest.approx(value, abs=1e-12)
            if curve.longest >= 9:
                assert found[f"mean_time.9{group}"] == pytest.approx(mean_survival(curve, 9).value, abs=1e-9)
        assert found["p"] ** 2 == pytest.approx(logrank(months, died, first).statistic, rel=1e-9)
        fit = cox(months, died, first.astype(float))
        if fit.hazard_ratio is not None and math.isfinite(fit.upper):
            assert math.exp(found["hazard_ratio"]) == pytest.approx(fit.hazard_ratio, rel=1e-9)
            assert math.exp(found["hazard_ratio.upper"]) == pytest.approx(fit.upper, rel=1e-9)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_pairs_distance_is_that_of_all_its_figures_whichever_are_printed(program):
    rng, layout = np.random.default_rng(6), Layout(("A", "B"), (4.0,), (9.0,))
    settings = (*PROGRAMS[program], np.array(layout.survival_at), np.array(layout.mean_time_to))
    (months_1, died_1), (months_2, died_2) = ((np.sort(rng.exponential(10, (4, size)), axis=1), rng.random((4, size)) < 0.7) for size in (12, 15))
    pairs = np.array(list(itertools.product(range(4), repeat=2)))
    for names in (["median.upper(A)", "p"], ["mean_time_gained.9"], ["median(B)", "median.lower", "survival.4"], layout.names):
        place = np.array([layout.names.index(name) for name in names])
        printed = place, np.full(len(place), 1.0), np.full(len(place), 2.0), np.full(len(place), 0.5)
        found = kernels.pair_distances(months_1, died_1, months_2, died_2, pairs, *settings, len(layout.names), *printed)
        for (i, j), distance in zip(pairs, found, strict=True):
            months, died, first, figures = np.empty(27), np.empty(27, bool), np.empty(27, bool), np.empty(len(layout.names))
            kernels.merge(months_1[i], died_1[i], months_2[j], died_2[j], months, died, first)
            kernels.figures_of(months, died, first, True, *settings, figures)
            assert distance == kernels.distance(figures, *printed)


def test_never_is_the_same_in_both_modules():
    assert NEVER == kernels.NEVER


# -- the CSV -------------------------------------------------------------------------------------------

REFUSED = [
    (["median,A,12;5,,"], "row 7.*no number.*decimal point"),
    (["median,A,-3,,"], "cannot be negative"),
    (["medain,A,12,,"], "quantity 'medain' is unknown"),
    ([",A,12,,"], "quantity is blank"),
    (["median,C,12,,"], "3 groups .*one file for each pair"),
    (["events,A,7.5,,"], "whole number"),
    (["survival.12,A,0.45,,"], r"write it in percent \(45\)"),
    (["survival.12,A,145,,"], "between 0 and 100"),
    (["survival.12,A,not reached,,"], "only a median"),
    (["count.female,A,<5,,"], "only survival figures can be printed as a bound"),
    (["p,,1.4,,"], "between 0 and 1"),
    (["hazard_ratio,,0.5,,"], "does not say of whom"),
    (["hazard_ratio,A vs C,0.5,,"], "no comparison of the groups A and B"),
    (["p,A vs B,0.5,,", "hazard_ratio,B vs A,0.5,,"], "write the same comparison in each row"),
    (["program,,stata,,"], "program is 'stata'"),
    (["median,A,99999999,,"], "larger than any figure of survival"),
    (["median,A,12,,a,b"], "6 cells where the header has 5"),
]


@pytest.mark.parametrize(("rows", "says"), REFUSED)
def test_a_row_that_cannot_be_used_is_refused_in_one_sentence(paper, rows, says):
    with pytest.raises(PaperError, match=says) as refusal:
        paper(*rows)
    assert "\n" not in str(refusal.value) and "paper.csv" in str(refusal.value)


@pytest.mark.parametrize(
    ("beside", "says"),
    [(["n,A,20,,", "events,A,5,,"], "time_unit is 'missing'"), (["time_unit,,months,,", "n,,20,,"], "no row names a group"),
     (["time_unit,,months,,", "events,A,5,,"], "group A has no n"), (["time_unit,,months,,", "n,A,20,,"], "events are missing"),
     (["time_unit,,months,,", "n,A,20,,", "events,A,21,,"], "more events than patients"),
     (["time_unit,,months,,", "n,A,4000,,", "events,A,21,,"], "made for 2 to 400"),
     (["time_unit,,months,,", "n,A,20,,", "events,A,5,,", "p,,0.3,,"], "compares two groups, but only A")])  # fmt: skip
def test_a_summary_that_cannot_be_searched_is_refused(paper, beside, says):
    with pytest.raises(PaperError, match=says):
        paper(beside=beside)


def test_a_missing_column_a_missing_file_and_another_encoding_are_refused(paper, tmp_path):
    with pytest.raises(PaperError, match="column group is missing"):
        paper(header="quantity,printed,place,note")
    with pytest.raises(PaperError, match="No such file"):
        read_paper(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("study,,Überleben,,".encode("latin-1"))
    with pytest.raises(PaperError, match="CSV UTF-8"):
        read_paper(tmp_path / "latin.csv")


def test_semicolons_blank_rows_and_percent_signs_are_read(tmp_path):
    path = tmp_path / "european.csv"
    path.write_text("\ufeffquantity;group;printed;place;note\ntime_unit;;months;;\n;;;;\nn;A;20;;\nevents;A;9;;\nsurvival.12;A;55 %;;\n", encoding="utf-8")
    summary = read_paper(path)
    assert summary.groups == ("A",) and summary.find("survival.12", "A").lower == 54.5


@pytest.mark.parametrize("name", ["six_mp", "ovarian"])
def test_the_shipped_summaries_are_what_r_prints(name):
    data, summary = {"six_mp": "freireich", "ovarian": "ovarian"}[name], read_paper(report.paper_path(name))
    # R's ratio is of group 1 to group 0; that of placebo to 6-MP is its reverse
    sign, ours = (-1, ("group0", "group1")) if name == "six_mp" else (1, ("group1", "group0"))
    beta, error = sign * R[data, "cox_group.breslow.coef"], R[data, "cox_group.breslow.se"]
    values = {"hazard_ratio": math.exp(beta), "hazard_ratio.lower": math.exp(beta - 1.959964 * error), "hazard_ratio.upper": math.exp(beta + 1.959964 * error),
              "p": R[data, "logrank.p"], "p.wald": R[data, "cox_group.breslow.wald_p"], "follow_up.reverse_median": R[data, "follow_up"]}
    for group, name_in_r in zip(summary.groups, ours, strict=True):
        values |= {f"median{end}({group})": R[data, f"{name_in_r}.median.log{end}"] for end in ("", ".lower", ".upper")}
    compared = 0
    for figure in summary.figures:
        if figure.name in values:
            value = values[figure.name]
            assert math.isnan(value) if math.isinf(figure.value) else (
                figure.lower <= value < figure.upper if figure.is_bound else agrees(value, figure.printed)), figure.name
            compared += 1
    assert compared >= 9


def test_the_template_holds_known_quantities_only_and_asks_for_its_own_words(tmp_path):
    text = (ROOT / "data" / "templates" / "another_paper.csv").read_text("utf-8")
    filled = "\n".join(line.replace(",,", ",20,", 1) if line.startswith(("n,", "events,Group")) else line for line in text.splitlines())
    (tmp_path / "mine.csv").write_text(filled, encoding="utf-8")
    summary = read_paper(tmp_path / "mine.csv")
    assert summary.groups == ("Group A", "Group B") and summary.survival_at == (12.0,) and summary.event == "death"
    with pytest.raises(PaperError, match="has no n"):
        read_paper(ROOT / "data" / "templates" / "another_paper.csv")


# -- checks --------------------------------------------------------------------------------------------

# each by hand: a summary's extra rows, the check that looks at them, and whether they agree
CHECKED = [
    (["events.percent,A,75.0,,"], "Percentage from count", True),  # 15/20
    (["events.percent,A,78.9,,"], "Percentage from count", False),  # 15/19
    (["mean.age,A,61.33,,whole"], "GRIM", False),  # 20 x 61.33 = 1226.6, and 1227/20 = 61.35
    (["mean.age,A,61.35,,whole"], "GRIM", True),
    (["mean.age,A,61.35,,whole", "sd.age,A,0.10,,"], "GRIMMER", False),  # a sum that is no multiple of 20 leaves an SD of 0.49 at least
    (["mean.age,A,61.35,,whole", "sd.age,A,0.49,,"], "GRIMMER", True),  # seven of 62 and thirteen of 61: sqrt(20 x .35 x .65 / 19)
    (["program,,spss,,", "median,A,27,,", "median.lower,A,22.9,,", "median.upper,A,31.0,,"], "Symmetric interval (SPSS)", True),  # 26.95 prints as 27
    (["program,,spss,,", "median,A,27.0,,", "median.lower,A,22.9,,", "median.upper,A,32.0,,"], "Symmetric interval (SPSS)", False),  # 27.45
    (["median,A,27,,", "median.lower,A,28,,", "median.upper,A,32,,"], "Interval holds its estimate", False),
    (["hazard_ratio,A vs B,2.0,,", "hazard_ratio.lower,A vs B,1.0,,", "hazard_ratio.upper,A vs B,4.0,,"], "Hazard ratio in the middle of its interval", True),
    (["hazard_ratio,A vs B,2.0,,", "hazard_ratio.lower,A vs B,1.5,,", "hazard_ratio.upper,A vs B,4.0,,"], "Hazard ratio in the middle of its interval", False),
    # 25 events: standard error at least 2/5; ln(4.05/0.95)/3.92 = 0.370 for 1.0 to 4.0, ln(5.05/0.95)/3.92 = 0.426 for 1.0 to 5.0
    (["hazard_ratio,A vs B,2.0,,", "hazard_ratio.lower,A vs B,1.0,,", "hazard_ratio.upper,A vs B,4.0,,"], "Interval against events", False),
    (["hazard_ratio,A vs B,2.2,,", "hazard_ratio.lower,A vs B,1.0,,", "hazard_ratio.upper,A vs B,5.0,,"], "Interval against events", True),
    # ln 2.2 = 0.788, over 0.41 gives z = 1.9 and P = 0.054
    (["hazard_ratio,A vs B,2.2,,", "hazard_ratio.lower,A vs B,1.0,,", "hazard_ratio.upper,A vs B,5.0,,", "p.wald,,0.05,,"], "Wald P against interval", True),
    (["hazard_ratio,A vs B,2.2,,", "hazard_ratio.lower,A vs B,1.0,,", "hazard_ratio.upper,A vs B,5.0,,", "p.wald,,0.01,,"], "Wald P against interval", False),
    (["survival.6,A,60,,", "survival.12,A,70,,"], "A curve does not rise", False),
    (["survival.6,A,70,,", "survival.12,A,60,,"], "A curve does not rise", True),
    (["survival.12,A,60,,", "median,A,10.0,,"], "Survival against median", False),
    (["survival.12,A,40,,", "median,A,10.0,,"], "Survival against median", True),
    (["survival.12,A,>60,,", "median,A,10.0,,"], "Survival against median", False),
    (["survival.12,A,<60,,", "median,A,10.0,,"], "Survival against median", True),
    (["median,A,not reached,,"], "Median not reached", False),  # 15 events in 20 patients leave 25% at most
    (["median,B,not reached,,"], "Median not reached", False),  # 10 in 20 leave exactly one half at most
    (["survival.12,A,52.0,,", "follow_up.min,A,13,,"], "Survival before any censoring", False),  # no k/20
    (["survival.12,A,55.0,,", "follow_up.min,A,13,,"], "Survival before any censoring", True),
    # 20 patients at 50%: plain 2 x 1.96 x sqrt(.25/20) = 43.8 points, log-log 40.6, the least
    (["survival.12,A,50,,", "survival.12.lower,A,40,,", "survival.12.upper,A,60,,"], "Interval of survival against patients", False),
    (["survival.12,A,50,,", "survival.12.lower,A,27,,", "survival.12.upper,A,69,,"], "Interval of survival against patients", True),
    (["follow_up.min,A,5,,", "follow_up.max,A,3,,"], "Follow-up in order", False),
    (["follow_up.max,A,8,,", "median,A,12,,"], "Median within follow-up", False),
    (["n,,40,,"], "Totals", True), (["n,,41,,"], "Totals", False),
    (["median,A,12,x,", "median,A,13,y,"], "Printed twice", False), (["median,A,12,x,", "median,A,12.2,y,"], "Printed twice", True),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "name", "agree"), CHECKED)
def test_a_check_sees_what_arithmetic_excludes_and_nothing_else(paper, rows, name, agree):
    found = [check for check in run_checks(paper(*rows)) if check.name == name]
    assert found and all(check.passed for check in found) == agree, found


def test_the_patients_of_a_percentage_are_searched_for(paper):
    """7 of 23 is 30.4%, 7 of 13 is 53.8%: the table of responses of the paper of this collection."""
    (check,) = run_checks(paper("count.pd,A,7,Table 3,", "percent.pd,A,30.4,Table 3,", beside=["time_unit,,months,,", "n,A,13,,", "events,A,9,,"]))
    assert not check.passed and "23 patients" in check.finding and check.place == "Table 3"


# -- cohorts -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def six_mp():
    return find_cohorts(read_paper(report.paper_path("six_mp")), Search(seed=3, n_wanted=60, seconds=0.3))


def test_every_found_cohort_prints_as_the_paper_does(six_mp):
    """Recomputed by `lib.survival`, with the sizes and events of the groups counted."""
    summary, layout = six_mp.summary, six_mp.layout
    assert len(six_mp) >= 20
    for months, died, first in zip(six_mp.months, six_mp.died, six_mp.first, strict=True):
        groups = np.where(first, *layout.groups)
        patients = pd.DataFrame({"group": groups, "time": months / six_mp.scale.factor, "event": died})
        for group in layout.groups:
            assert (groups == group).sum() == summary.count("n", group) and died[groups == group].sum() == summary.count("events", group)
        values = figures_of_patients(patients, summary, layout)
        for figure in binding(summary):
            assert figure.lower - 1e-6 <= values[figure.name] <= figure.upper + 1e-6, figure.name


def test_curves_of_found_cohorts_are_those_of_the_survival_library(six_mp):
    curves = report.curves_of(six_mp)
    for row, (months, died, first) in enumerate(zip(six_mp.months, six_mp.died, six_mp.first, strict=True)):
        for group, members in zip(six_mp.layout.groups, (first, ~first), strict=True):
            times, survival = curves[group][row]
            expected = kaplan_meier(months[members] / six_mp.scale.factor, died[members])
            drawn = times < times[-1]
            assert np.interp(times[drawn], expected.times, expected.survival) == pytest.approx(survival[drawn], abs=1e-12)
            assert drawn.sum() > 10


def test_the_search_gives_the_same_cohorts_again(six_mp):
    again = find_cohorts(six_mp.summary, six_mp.search)
    assert np.array_equal(again.months, six_mp.months) and np.array_equal(again.first, six_mp.first)


@pytest.mark.parametrize("name", ["six_mp", "ovarian"])
def test_the_true_patients_lie_inside_what_their_summary_leaves_open(name):
    """All but a log-rank P of tied times, which no cohort without ties has; the chapter says so."""
    summary = read_paper(report.paper_path(name))
    found = find_cohorts(summary, Search(n_wanted=150))
    patients = known_patients(summary.known_patients)
    ranges = report.open_figures(found, figures_of_patients(patients, summary, found.layout))
    judged = ranges[ranges.inside.notna()]
    assert len(judged) >= 9
    assert set(judged.name[~judged.inside.astype(bool)]) <= ({"p"} if patients.time.duplicated().any() else set())


def test_known_patients_give_the_values_of_r():
    summary = read_paper(report.paper_path("six_mp"))
    values = figures_of_patients(known_patients("six-mp"), summary, Layout(summary.groups, (12.0,), (20.0,)))
    assert values["median"] == R["freireich", "median.log"] and values["survival.12"] == pytest.approx(100 * R["freireich", "survival.12"])
    assert values["p"] == pytest.approx(R["freireich", "logrank.p"]) and values["hazard_ratio"] == pytest.approx(math.exp(-R["freireich", "cox_group.breslow.coef"]))


def test_one_group_a_total_of_events_and_follow_up_of_all_are_searched(paper):
    single = find_cohorts(paper("program,,spss,,", "median,A,9,,", "median.lower,A,0,,", "median.upper,A,21.4,,", "survival.12,A,,,",
                                beside=["time_unit,,months,,", "n,A,24,,", "events,A,17,,"]), Search(n_wanted=30, seconds=0.3))
    assert len(single) == 30 and np.all(single.values("median.lower(A)") < 0.5) and np.all(np.abs(single.values("median.upper(A)") - 21.4) <= 0.05 + 1e-9)
    total = find_cohorts(paper("events,,11,,", "median,A,6,,", "median,B,11,,", "p,,0.20,,", "follow_up.min,,2.5,,",
                               beside=["time_unit,,months,,", "n,A,9,,", "n,B,9,,"]), Search(n_wanted=40, seconds=0.5))
    assert len(total) >= 20 and np.all(total.died.sum(axis=1) == 11) and len(set((total.died & total.first).sum(axis=1))) > 1
    assert np.all(np.abs(total.months[:, 0] / total.scale.factor - 2.5) <= 0.05 + 1e-9) and np.all(np.abs(total.values("p") - 0.2) <= 0.005 + 1e-9)


def test_events_are_split_where_the_groups_medians_allow_it(paper):
    beside = ["time_unit,,months,,", "n,A,2,,", "n,B,3,,", "events,,3,,"]
    assert event_splits(paper(beside=beside)) == [(0, 3), (1, 2), (2, 1)]
    assert event_splits(paper("median,A,4,,", beside=beside)) == [(1, 2), (2, 1)]


def test_where_nothing_is_found_the_nearest_miss_is_named(paper):
    found = find_cohorts(paper("median,A,20,,", "median,B,20.0,,", "p,,0.0001,,", "hazard_ratio,A vs B,1.00,,"), Search(n_wanted=10, seconds=0.1))
    assert not len(found) and {"p", "hazard_ratio"} & {name for name, _, _ in found.nearest}
    assert "no cohort was found" in report.search_sentence(found) and "proves nothing" in report.search_sentence(found)
    assert {verdict.verdict for verdict in judge(found)} <= {"not judged", "contradicted", "implied"}


def test_a_tolerance_lets_in_cohorts_further_off_and_no_others(paper):
    rows = ["program,,spss,,", "median,A,9,,", "median.lower,A,3.0,,", "median.upper,A,14.0,,"]
    summary = paper(*rows, beside=["time_unit,,months,,", "n,A,24,,", "events,A,17,,"])
    off = np.abs(find_cohorts(summary, Search(n_wanted=100, seconds=0.3, time_within=1.5)).values("median.upper(A)") - 14.0)
    assert 0.05 < off.max() <= 1.5 + 1e-9


# -- claims --------------------------------------------------------------------------------------------


@pytest.fixture
def verdict(six_mp):
    """A function that judges one predicate on the six-MP cohorts."""

    def of(predicate):
        from dataclasses import replace

        (one,) = judge(replace(six_mp, summary=replace(six_mp.summary, claims=(Claim("a claim", predicate, ""),))))
        return one

    return of


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [("median(6-MP) > median(placebo)", "implied"), ("median(6-MP) <= median(placebo)", "contradicted"), ("p < 0.05", "implied"), ("p > 0.001", "contradicted"),
     ("hazard_ratio > 4.50", "undecided"), ("survival.12(6-MP) > survival.12(placebo)", "held in all found"),
     ("survival.12(6-MP) < survival.12(placebo)", "held in none found"), ("needs another arm", "not testable")])  # fmt: skip
def test_a_claim_gets_the_verdict_that_print_and_cohorts_give(verdict, predicate, expected):
    assert verdict(predicate).verdict == expected


def test_a_search_finds_the_counterexample_that_no_drawn_cohort_holds(six_mp, verdict):
    """A limit just beyond the least value drawn: every drawn cohort lies above it, and others that agree below."""
    least = float(six_mp.values("mean_time.20(6-MP)").min())
    found = verdict(f"mean_time.20(6-MP) > {least - 0.05:.3f}")
    assert found.n_true == found.n_judged == len(six_mp) and found.verdict == "undecided" and "a search found one" in found.evidence


@pytest.mark.parametrize(("predicate", "says"), [("median(6-MP)", "is no comparison"), ("medain(6-MP) > 3", "no figure of a cohort"),
                                                 ("median(6-MP) > p", "not of one kind"), ("survival.99(6-MP) > 3", "row of its own"),
                                                 ("median(6-MP) > median(X)", "neither a number nor a figure")])  # fmt: skip
def test_a_claim_that_cannot_be_read_is_refused(six_mp, predicate, says):
    with pytest.raises(PaperError, match=says):
        parse_predicate(Claim("a claim", predicate, "", 7), six_mp.summary, six_mp.layout.names)


# -- command and run -----------------------------------------------------------------------------------


def test_the_command_writes_its_tables_and_refuses_in_one_sentence(tmp_path, capsys):
    assert command.main(["six_mp", "--cohorts", "10", "--seconds", "0.1", "--out", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"checks.csv", "claims.csv", "open_figures.csv", "invented_cohorts.csv"}
    cohorts = pd.read_csv(tmp_path / "out" / "invented_cohorts.csv")
    assert len(cohorts) % 42 == 0 and set(cohorts.group) == {"placebo", "6-MP"}
    capsys.readouterr()
    assert command.main(["nowhere.csv"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "nowhere.csv" in said and "six_mp" in said


def test_a_run_takes_a_name_or_a_path_of_a_paper(tmp_path):
    (tmp_path / "mine.csv").touch()
    assert paper_parameter("six_mp") == "six_mp" and paper_parameter(str(tmp_path / "mine.csv")) == str(tmp_path / "mine.csv")
    with pytest.raises(NotebookError, match="no such file"):
        paper_parameter("nowhere.csv")


def test_a_figure_is_shown_in_words_with_its_unit():
    summary = read_paper(report.paper_path("six_mp"))
    assert report.worded("survival.12(6-MP)", summary) == "Free of relapse at 12 weeks, 6-MP" and report.unit_of("survival.12(6-MP)", summary) == "%"
    assert printed_value(summary, "median(6-MP)").printed == "23" and report.shown("median", math.inf) == "not reached" and report.shown("p", 0.00005) == "0.00005"
