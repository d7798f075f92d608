"""The paper's claims, evaluated: each relation both ways, on figures chosen by hand."""

import pandas as pd
import pytest

from lib.claims import CLAIM_COLUMNS, RELATIONS, ClaimError, judge_claims, quoted_studies, read_claims
from lib.literature import read_literature

LITERATURE = pd.DataFrame({
    "study": ["A", "B", "C"], "topic": ["liver-directed", "liver-directed", "doxorubicin"], "subgroup": "all",
    "quantity": "os.median", "value": [18.0, 30.0, 12.8], "time_origin": ["treatment", "treatment", "randomisation"],
    "source": "abstract", "paper_prints": ["18", "29", ""], "note": ""})
ENTRIES = {"os_treatment.median": {"value": 9.2}, "a": {"value": 22.0}, "b": {"value": 8.0}, "p": {"value": 0.763},
           "never": {"value": float("inf")}}


def judge(relation, subject="a", other="b", p="", entries=ENTRIES):
    claims = pd.DataFrame([["claim", "place", relation, subject, other, p, ""]], columns=CLAIM_COLUMNS)
    row = judge_claims(claims, entries, LITERATURE).iloc[0]
    return row["Verdict"], row["What shows it"]


@pytest.mark.parametrize(("relation", "subject", "other", "expected"), [
    ("above", "a", "b", "holds"), ("above", "b", "a", "does not hold"),
    ("below", "b", "a", "holds"), ("below", "a", "a", "does not hold"), ("above", "never", "a", "holds"),
    ("above", "os_treatment.median", "literature:doxorubicin os", "does not hold"),
    ("below", "os_treatment.median", "literature:liver-directed os", "holds"),
    ("within", "os_treatment.median", "literature:liver-directed os", "does not hold"),
    ("within", "a", "literature:liver-directed os", "holds"),
    ("above", "missing", "b", "not computed"), ("within", "missing", "literature:liver-directed os", "not computed"),
    ("within", "a", "literature:resection os", "not computed"), ("needs a control arm", "", "", "not testable"),
    ("printed in", "os_diagnosis.mrecist_response", "Table 2", "does not hold"),
    ("printed in", "os_treatment.mrecist_response", "Table 2", "holds"),
])
def test_each_relation_is_judged_on_the_figures(relation, subject, other, expected):
    assert judge(relation, subject, other)[0] == expected


def test_a_direction_comes_with_its_p_value():
    verdict, evidence = judge("above", "a", "b", "p")
    assert verdict == "holds"
    assert evidence == "22.0 against 8.0, P = 0.763: chance alone could explain it."


@pytest.mark.parametrize(("p", "expected"), [(0.05, "holds"), (0.0499, "does not hold"), (None, "not computed")])
def test_not_significant_is_p_of_at_least_five_percent(p, expected):
    assert judge("not significant", p="p", entries=ENTRIES | {"p": {"value": p}})[0] == expected


def test_literature_names_each_time_origin():
    assert "C 12.8 from randomisation" in judge("above", "os_treatment.median", "literature:doxorubicin os")[1]


def test_quoted_figures_are_compared_at_printed_precision():
    quoted = quoted_studies(LITERATURE)
    assert dict(zip(quoted["Study"], quoted["Verdict"])) == {"A": "agrees", "B": "differs"}


def test_the_claims_table_uses_known_relations_and_ledger_or_literature_objects():
    claims = read_claims()
    assert set(claims.relation) <= set(RELATIONS)
    assert not judge_claims(claims, {}, read_literature())["Verdict"].isna().any()


def test_an_unknown_relation_is_refused_with_its_row(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(",".join(CLAIM_COLUMNS) + "\nx,y,better than,a,b,,\n", encoding="utf-8")
    with pytest.raises(ClaimError, match=r"claims.csv, row 2: relation 'better than' is unknown; use one of above"):
        read_claims(path)


def test_a_missing_column_is_refused(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text("claim,place\n", encoding="utf-8")
    with pytest.raises(ClaimError, match="column relation is missing"):
        read_claims(path)
