"""Many patients: the quick ways give what the careful ways give."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib import ADMITTED, CHECKED, cohort_files
from lib.cohort import CohortError, build_cohort, read_cohort
from lib.contract import TABLES
from lib.figures.many import MOST_STEPS, corners, evenly, is_crowded
from lib.kept import hand_over
from lib.response import month_3_response
from lib.survival import checks, compare, regression, risk_sets
from lib.toxicity import BASELINE_RULES, CTCAE_VERSIONS, PAPER_ANALYTES, grade_labs, worst_by_reading, worst_grades

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
from registry import registry, write_registry  # noqa: E402

TEXT = ("patient", "visit", "analyte", "unit", "lesion", "treatment", "lobe", "bead_size_um", "term")


@pytest.fixture(scope="module")
def tables():
    return registry(400, seed=1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    return {form: write_registry(folder / form, 400, form, seed=1) for form in ("csv", "parquet")}


def arrays(tables, covariate="age_years"):
    patients = tables["patients"]
    return (patients.os_treatment_months.to_numpy(float), patients.died.to_numpy(bool), patients[covariate].to_numpy(float))


# -- reading -----------------------------------------------------------------------------------------------


def test_parquet_and_csv_give_one_cohort(folders):
    csv, parquet = (read_cohort(folders[form]) for form in ("csv", "parquet"))
    for table in ("patients", "treatments", "labs", "lesions", "adverse_events"):
        pd.testing.assert_frame_equal(getattr(csv, table), getattr(parquet, table), check_exact=False, rtol=1e-12)


def test_parts_of_a_parquet_file_keep_their_own_names(folders, tmp_path):
    """Each row group has a dictionary of its own; the second one's first name is another than the first one's."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in folders["parquet"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    whole = read_cohort(folders["parquet"]).patients
    rows = pd.read_parquet(tmp_path / "patients.parquet").astype({"patient": str, "first_treatment": str})
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), tmp_path / "patients.parquet", row_group_size=150)
    assert pq.ParquetFile(tmp_path / "patients.parquet").num_row_groups == 3
    for found in (read_cohort(tmp_path).patients, cohort_files.read_trusted(tmp_path / "patients.parquet", "patients")):
        for column in ("patient", "first_treatment"):
            assert found[column].astype(str).tolist() == whole[column].astype(str).tolist()


def test_a_large_csv_is_read_by_column_into_the_same_values(folders, monkeypatch):
    careful = read_cohort(folders["csv"])
    monkeypatch.setattr(cohort_files, "LARGE_BYTES", 0)
    for table in ("patients", "treatments", "labs", "lesions", "adverse_events"):
        quick = cohort_files.read_clean(folders["csv"] / f"{table}.csv", table, False)
        pd.testing.assert_frame_equal(quick, getattr(careful, table), check_dtype=False)


@pytest.mark.parametrize(("table", "column", "cell"), [
    *(("labs", "value", cell) for cell in ("nan", "NaN", "-nan", "inf", "1e999", "1,5", "NA")),
    *(("patients", "n_liver_lesions", cell) for cell in ("nan", "inf", "1.5", "9007199254740992")),  # 2 to the power of 53
])
def test_a_large_csv_is_refused_for_what_a_small_one_is_refused_for(folders, tmp_path, monkeypatch, table, column, cell):
    for path in folders["csv"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    rows = pd.read_csv(tmp_path / f"{table}.csv", dtype=str)
    rows.loc[7, column] = cell
    rows.to_csv(tmp_path / f"{table}.csv", index=False)
    said = []
    for large in (cohort_files.LARGE_BYTES, 0):
        monkeypatch.setattr(cohort_files, "LARGE_BYTES", large)
        with pytest.raises(CohortError) as refusal:
            read_cohort(tmp_path)
        said.append(str(refusal.value))
    assert said[0] == said[1] and f"{table}.csv, row 9, {column}" in said[0]


@pytest.mark.parametrize("spoil, says", [
    (lambda labs: labs.assign(value=labs.value.where(labs.index != 7, -1.0)), "labs.parquet, row 8, value, -1"),
    (lambda labs: labs.assign(nurse="x"), "labs.parquet, row 0, nurse"),
    (lambda labs: labs.drop(columns="unit"), "labs.parquet, whole file, unit, missing"),
    (lambda labs: pd.concat([labs, labs.tail(1)]), "one row per patient, visit, analyte"),
    (lambda labs: labs.assign(patient=labs.patient.astype(object).where(labs.index != 2, "R9")), "a patient of patients.csv"),
])
def test_a_parquet_file_that_breaks_the_contract_is_refused_with_its_row(folders, tmp_path, spoil, says):
    for path in folders["parquet"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    spoil(pd.read_parquet(tmp_path / "labs.parquet")).to_parquet(tmp_path / "labs.parquet", index=False)
    with pytest.raises(CohortError) as refusal:
        read_cohort(tmp_path)
    assert says.replace("row 0", "whole file") in str(refusal.value)


@pytest.mark.parametrize("checked", [False, True])
def test_long_tables_share_one_list_of_patients_in_the_order_of_theirs(folders, monkeypatch, checked):
    """A million labels take a hundred megabytes, and a list of its own for each table would be compared at every step."""
    monkeypatch.setattr(cohort_files, "MANY_ROWS", 0)
    folder = folders["parquet"]
    if checked:
        monkeypatch.setenv(ADMITTED, str(folder.resolve()))
    study = read_cohort(folder)
    labels = study.labs.patient.cat.categories
    assert list(labels) == list(study.patients.patient)
    for table in ("treatments", "lesions", "adverse_events"):
        assert getattr(study, table).patient.cat.categories is labels, table
    rows = pd.read_parquet(folder / "labs.parquet")
    assert study.labs.patient.tolist() == rows.patient.tolist()


def test_a_cohort_that_the_run_has_kept_is_the_one_in_its_files(folders, monkeypatch, tmp_path):
    folder, kept = folders["csv"], tmp_path / "kept"
    tmp_path.chmod(0o700)
    wanted = {tables: read_cohort(folder, tables) for tables in (TABLES, ("labs", "lesions"), ())}
    hand_over(read_cohort(folder), kept)
    monkeypatch.setenv(ADMITTED, str(folder.resolve()))
    monkeypatch.setenv(CHECKED, str(kept))
    other = read_cohort("reference")
    assert other.name == "reference" and other.invented
    monkeypatch.setattr("lib.cohort._checked_texts", None)
    for tables, study in wanted.items():
        found = read_cohort(folder, tables)
        assert (found.name, found.invented) == (study.name, study.invented)
        for table in TABLES:
            if getattr(study, table) is None:
                assert getattr(found, table) is None
            else:
                pd.testing.assert_frame_equal(getattr(found, table), getattr(study, table))


def test_one_table_in_two_files_is_refused(folders, tmp_path):
    for form in folders.values():
        for path in form.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(CohortError, match="labs.csv or labs.parquet"):
        read_cohort(tmp_path)


# -- categories ----------------------------------------------------------------------------------------------


def as_categories(frame):
    return frame.assign(**{name: frame[name].astype("category") for name in frame if name in TEXT})


def test_grades_are_the_same_from_text_and_from_categories(tables):
    study = build_cohort("registry", **tables)
    from_text = grade_labs(study.labs, study.patients)
    from_categories = grade_labs(as_categories(study.labs), study.patients)
    order = ["patient", "visit", "analyte", "term"]
    ours, theirs = (frame.astype({name: object for name in [*order, "unit"]}).sort_values(order, ignore_index=True)
                    for frame in (from_text, from_categories))
    pd.testing.assert_frame_equal(ours, theirs)


def test_each_reading_counts_what_grading_value_by_value_counts(tables):
    study = build_cohort("registry", **tables)
    found = worst_by_reading(study.labs, study.patients, "month_3")
    assert len(found) == len(CTCAE_VERSIONS) * len(BASELINE_RULES) * 2
    for (version, rule, only_new), worst in found.items():
        grades = grade_labs(study.labs, study.patients, version, rule, PAPER_ANALYTES)
        one_by_one = worst_grades(grades, study.patients["patient"], "month_3", only_new=only_new)["worst_grade"]
        np.testing.assert_array_equal(worst, one_by_one.to_numpy(dtype=float, na_value=np.nan))


def test_responses_are_the_same_from_text_and_from_categories(tables):
    study = build_cohort("registry", **tables)
    for criterion in ("RECIST", "mRECIST"):
        text, categories = (month_3_response(lesions, criterion, study.patients["patient"])
                            for lesions in (study.lesions, as_categories(study.lesions)))
        assert text.tolist() == categories.tolist()


# -- survival of many -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_running_sums_fit_the_model_that_greenwood_and_lifelines_fit(tables, ties, delayed):
    months, died, x = arrays(tables)
    entry = np.minimum(3.0, months / 2) if delayed else None
    z = (x - x.mean()) / x.std()
    fit = risk_sets.fit_cox(months, died, z[:, None], entry, ties)
    library = {"breslow": regression._breslow, "efron": regression._efron}[ties](months, died, z, entry)
    lr_p = regression._chi2_p(2 * (fit.log_likelihood - fit.null_log_likelihood))
    ours = (fit.coefficients[0], fit.errors[0], regression._chi2_p(fit.score_statistic), lr_p)
    np.testing.assert_allclose(ours, library, rtol=1e-5)
    np.testing.assert_allclose(ours[0], library[0], atol=1e-7)


def test_running_sums_with_two_covariates_fit_what_greenwood_fits(tables):
    months, died, x = arrays(tables)
    z = (x - x.mean()) / x.std()
    both = np.column_stack([z, z**2])
    fit, theirs = risk_sets.fit_cox(months, died, both), regression._greenwood(months, died, both, None, "breslow")
    np.testing.assert_allclose(fit.coefficients, theirs.coef_, atol=1e-7)
    np.testing.assert_allclose(fit.log_likelihood, theirs.loglik_, rtol=1e-10)


def test_tools_for_small_samples_say_that_a_large_one_does_without(tables, monkeypatch):
    monkeypatch.setattr(checks, "MOST_IN_SMALL_SAMPLE", 100)
    months, died, x = arrays(tables, "extrahepatic_disease")
    assert "above 100 patients" in compare.permutation_logrank(months, died, x > 0).reason
    assert "above 100 patients" in compare.bootstrap_median(months, died).reason
    assert "above 100 patients" in regression.firth_cox(months, died, x).reason


def test_the_normal_limit_corrects_a_cut_as_permutation_does(monkeypatch):
    rng = np.random.default_rng(0)
    months, died, values = rng.exponential(10, 900), rng.random(900) < 0.7, rng.uniform(0, 13, 900)
    _, permuted = compare.search_cut(values, months, died, range(1, 13), n_resamples=2000)
    monkeypatch.setattr(checks, "MOST_IN_SMALL_SAMPLE", 100)
    _, drawn = compare.search_cut(values, months, died, range(1, 13), n_resamples=2000)
    assert drawn == pytest.approx(permuted, abs=4 * np.sqrt(0.25 / 2000 * 2))


# -- figures of many ------------------------------------------------------------------------------------------


def test_a_long_curve_keeps_its_ends_and_no_more_corners_than_a_page_shows():
    times = np.sort(np.random.default_rng(0).uniform(0, 100, 50_000))
    shown = corners(times)
    assert shown[0] == 0 and shown[-1] == len(times) - 1 and len(shown) <= MOST_STEPS + 2
    assert len(corners(times[:500])) == 500


def test_an_even_choice_keeps_first_and_last():
    rows = pd.DataFrame({"x": range(1000)})
    assert evenly(rows, 5).x.tolist() == [0, 250, 500, 749, 999] and len(evenly(rows, 2000)) == 1000
    assert is_crowded(501) and not is_crowded(500)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_residuals_by_running_sums_are_those_of_greenwood(tables, ties):
    months, died, x = arrays(tables)
    model, found = regression._greenwood(months, died, x[:, None], None, ties), risk_sets.cox_residuals(months, died, x, ties)
    assert found.proportional_p == pytest.approx(model.cox_zph(transform="km").global_test["p_value"], rel=1e-6)
    for kind, ours in (("scaledsch", found.scaled_schoenfeld), ("dfbeta", found.dfbeta), ("dfbetas", found.dfbetas)):
        np.testing.assert_allclose(ours, model.residuals(kind, format="pandas").to_numpy(float)[:, 0], rtol=1e-6, atol=1e-9)
