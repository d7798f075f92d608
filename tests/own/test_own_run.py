"""One command on a reader's own cohort: what it gives, what it refuses, and that nothing leaves the machine."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import own_cohorts
import pytest

ROOT = Path(__file__).resolve().parents[2]
REFUSES_THE_NETWORK = '''
import os, socket, sys
with open(os.environ["STUDY_TRACE"], "a") as trace:
    print(" ".join(getattr(sys, "orig_argv", sys.argv)), file=trace)
_told = set()

def _refuse(event, arguments):
    if os.getpid() not in _told and "ipykernel_launcher" in (getattr(sys, "argv", None) or [""])[0] and os.getsid(0) == os.getpid():
        _told.add(os.getpid())  # a kernel, started anew or forked, in which this guard is at work; not a fork of a kernel
        with open(os.environ["STUDY_TRACE"], "a") as trace:
            print("GUARDED KERNEL", os.getpid(), file=trace)
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        where = arguments[1] if event != "socket.getaddrinfo" else arguments[0]
        host = where[0] if isinstance(where, tuple) else where
        if isinstance(host, bytes):
            host = host.decode()
        if host is not None and host != "" and not str(host).startswith(("127.", "/", "::1", "localhost", "\\0")):
            with open(os.environ["STUDY_TRACE"], "a") as trace:
                print("REFUSED", event, host, file=trace)
            raise OSError(f"no network at run time: {host}")

sys.addaudithook(_refuse)
'''


def run(*arguments, **environment):
    return subprocess.run([sys.executable, "-m", "lib.run", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=900,
                          env=os.environ | environment)


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """The whole command on the public cohort, with sockets to anything but this machine refused in every process."""
    folder = tmp_path_factory.mktemp("own run")
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(REFUSES_THE_NETWORK)
    cohort = own_cohorts.save(own_cohorts.pbcseq(30), folder / "hospital")
    trace = folder / "trace.txt"
    done = run("--cohort", cohort, "--out", folder / "out", "-p", "n_resamples", "200", PYTHONPATH=str(folder / "site"), STUDY_TRACE=str(trace))
    assert done.returncode == 0, done.stderr
    return folder, trace.read_text()


def test_no_process_of_a_run_reaches_for_the_network(offline):
    _, trace = offline
    assert len({line for line in trace.splitlines() if line.startswith("GUARDED KERNEL")}) == 4, "the guard must reach each chapter's kernel"
    assert "sphinx" in trace and "REFUSED" not in trace


def test_the_guard_refuses_what_it_should(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(REFUSES_THE_NETWORK)
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"  # TEST-NET-1, RFC 5737
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {
        "PYTHONPATH": str(tmp_path), "STUDY_TRACE": str(tmp_path / "trace")})
    assert "no network at run time: 192.0.2.1" in done.stderr and "REFUSED" in (tmp_path / "trace").read_text()


def test_a_run_gives_pages_tables_figures_and_its_record(offline):
    folder, _ = offline
    out = folder / "out"
    chapters = {path.stem for path in (out / "notebooks").glob("*.ipynb")}
    assert chapters == {"01_cohort", "02_toxicity", "03_response", "04_survival"}
    assert (out / "html" / "index.html").is_file() and list((out / "tables").glob("*.csv")) and list((out / "figures").glob("*.svg"))
    record = json.loads((out / "run.json").read_text())
    assert record["files"]["patients.csv"] == hashlib.sha256((folder / "hospital" / "patients.csv").read_bytes()).hexdigest()
    assert record["parameters"]["04_survival"] == {"n_resamples": 200} and record["packages"]["pandas"] and record["python"]
    assert str(folder) not in (out / "run.json").read_text()


def test_pages_of_patients_say_so_and_speak_of_no_publication(offline):
    folder, _ = offline
    for page in (folder / "out" / "html").glob("*.html"):
        text = page.read_text("utf-8")
        assert "invented patients" not in text.lower() and "The paper" not in text, page.name
    for name in ("01_cohort", "02_toxicity", "03_response", "04_survival"):
        assert "Contains patient data" in (folder / "out" / "html" / f"{name}.html").read_text("utf-8")


# -- refusals ----------------------------------------------------------------------------------------------


def names(tables):
    labels = {label: f"Miller, John {chr(65 + i)}." for i, label in enumerate(tables["patients"]["patient"])}
    return {"patients": tables["patients"].assign(patient=tables["patients"]["patient"].map(labels))}


def record_numbers(tables):
    return {"patients": tables["patients"].assign(patient=[f"{8_123_400 + i}" for i in range(len(tables["patients"]))])}


def free_text(tables):
    story = "moved to her daughter in the north after the second session and was lost"
    reasons = tables["patients"]["died"].map({True: None, False: story})
    return {"patients": tables["patients"].assign(censoring_reason=[f"{reason} {i}" if reason else None for i, reason in enumerate(reasons)])}


def missing_column(tables):
    return {"patients": tables["patients"].drop(columns="died")}


def extra_column(tables):
    return {"patients": tables["patients"].assign(surname="Miller")}


REFUSED = {names: "nothing like a name", record_numbers: "nothing like a record number", free_text: "nothing like free text",
           missing_column: "row 1, died, missing", extra_column: "row 1, surname, unknown column"}


@pytest.mark.parametrize("spoil, told", REFUSED.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_a_cohort_that_may_not_be_read_is_refused_without_a_trace(spoil, told, tmp_path):
    cohort = own_cohorts.save(spoil(own_cohorts.reference()), tmp_path / "own")
    done = run("--cohort", cohort, "--out", tmp_path / "out")
    assert done.returncode == 1 and told in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_column_named_harmless_is_let_through(tmp_path):
    from lib.privacy import admit

    cohort = own_cohorts.save(record_numbers(own_cohorts.reference()), tmp_path / "own")
    assert admit(cohort, tmp_path / "out", ["patient"]).n_patients == 24


@pytest.mark.parametrize("place", ["pages", "lib/pages"])
def test_output_that_version_control_could_pick_up_is_refused(place, tmp_path):
    cohort = own_cohorts.save(own_cohorts.four_columns(), tmp_path / "own")
    done = run("--cohort", cohort, "--out", ROOT / place)
    assert done.returncode == 1 and "expected a folder that version control ignores" in done.stderr
    assert not (ROOT / place).exists()
