"""Quantities in words: what a clinician would say, and never two quantities under one name."""

import pytest

from lib.published import read_ledger
from lib.quantity_names import readable


@pytest.mark.parametrize(("quantity", "words"), [
    ("os_treatment.meld_change.increased.upper", "Survival from treatment, MELD, increased: upper limit"),
    ("mrecist.total.orr.count", "mRECIST, all treatments, objective response: number"),
    ("recist.deb_tace.sd.percent", "RECIST, DEB-TACE, SD: percentage"),
    ("meld.baseline.sd", "MELD, baseline: standard deviation"),
    ("cohort.n", "Patients treated"),
    ("sex.male.count", "Sex, male: number"),
])  # fmt: skip
def test_a_name_is_said_in_words(quantity, words):
    assert readable(quantity) == words


def test_stable_disease_and_standard_deviation_are_told_apart():
    assert "SD" in readable("recist.total.sd.count") and readable("age.sd") == "Age: standard deviation"


def test_no_two_figures_of_the_ledger_share_a_name():
    quantities = read_ledger().quantity.unique()
    assert len({readable(quantity) for quantity in quantities}) == len(quantities)


def test_a_name_nobody_foresaw_keeps_its_own_words():
    assert readable("spleen_volume.left_half") == "Spleen volume, left half"
    assert readable("volume") == "Volume" and readable("median") == "Median"
