"""Pages that follow the chapters as they are saved: the one page first, faults in a sentence, nothing left behind."""

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lib.pages import sphinx_arguments, write_book
from lib.rehearsal import Rehearsal
from lib.sphinx_process import SphinxProcess
from lib.watch import Preview, _state

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 180  # 15 s alone; the tests beside it take their share
CHAPTER = """\
import json, os
from pathlib import Path

folder = Path(os.environ["STUDY_OUT"]) / "results"
(folder / "{name}.json").write_text(json.dumps({{"quantities": {{}}, "others": sorted(path.stem for path in folder.glob("*.json"))}}))
import psutil
print("The answer is", 6 * 7, "after", psutil.Process().create_time())"""
NAMES = ("01_a", "02_b", "05_verdict")


class Watching:
    """A copy of the project with small chapters, watched by a process of its own."""

    def __init__(self, root):
        self.root, self.out = root, root / "build" / "preview"
        self._words = open(root / "words.txt", "w+", encoding="utf-8")  # noqa: SIM115 - read while it is written
        self.process = subprocess.Popen([sys.executable, "-m", "lib.watch"], cwd=root, stdout=self._words, stderr=subprocess.STDOUT,
                                        start_new_session=True)

    def kernels(self):
        """The kernels that wait for a chapter or execute one: they lead their own sessions, and no server of theirs waits with them."""
        return [process for process in psutil.Process(self.process.pid).children(recursive=True) if os.getsid(process.pid) == process.pid]

    def said(self):
        return (self.root / "words.txt").read_text("utf-8")

    def until(self, condition):
        """Wait for what is to come about."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None and time.monotonic() < end, self.said()
            time.sleep(0.05)

    def until_said(self, words, times=1):
        self.until(lambda: self.said().count(words) >= times)

    def save(self, name, old, new):
        path = self.root / "notebooks" / f"{name}.py"
        path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")

    def page(self, name):
        return (self.out / "html" / f"{name}.html").read_text("utf-8")


@pytest.fixture
def watching(collection, tmp_path, request):
    chapters = collection(**{f"_{name}": CHAPTER.format(name=name) for name in NAMES})
    root = tmp_path / "project"
    shutil.copytree(ROOT / "lib", root / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "notebooks").symlink_to(chapters)
    (root / "requirements.txt").symlink_to(ROOT / "requirements.txt")
    shutil.copytree(ROOT / "data", root / "data")
    if getattr(request, "param", None) == "after a run":
        subprocess.run([sys.executable, "-m", "lib.run", "--no-pages"], cwd=root, check=True, capture_output=True, timeout=PATIENCE_S)
    watched = Watching(root)
    yield watched
    for process in [*psutil.Process(watched.process.pid).children(recursive=True), watched.process] if watched.process.poll() is None else ():
        process.kill()
    watched.process.wait()


def test_a_saved_chapter_is_executed_and_its_page_made_and_then_those_that_read_it(watching):
    watching.until_said("05_verdict: ")
    assert all("The answer is 42" in watching.page(name) for name in NAMES)
    others = (watching.out / "notebooks" / "01_a.ipynb").stat().st_mtime_ns
    page = (watching.out / "html" / "01_a.html").stat().st_mtime_ns
    watching.save("02_b", "6 * 7", "6 * 8")
    watching.until_said("05_verdict: ", 2)
    assert "The answer is 48" in watching.page("02_b")
    assert re.findall(r"^(\w+): [\d.]+ s after it was saved", watching.said(), re.M)[-2:] == ["02_b", "05_verdict"]
    assert (watching.out / "notebooks" / "01_a.ipynb").stat().st_mtime_ns == others, "a chapter that did not change was executed"
    assert (watching.out / "html" / "01_a.html").stat().st_mtime_ns == page, "a page that did not change was written"


def test_a_fault_is_told_in_a_sentence_and_the_page_stays_until_it_is_mended(watching):
    watching.until_said("05_verdict: ")
    before = watching.page("02_b")
    watching.save("02_b", "6 * 7", "6 / 0")
    watching.until_said("ZeroDivisionError: division by zero")
    assert watching.page("02_b") == before and "Traceback" not in watching.said()
    watching.save("02_b", "conf_level = 0.95", "conf_level = (")
    watching.until_said("02_b.py")
    watching.save("02_b", "conf_level = (", "conf_level = 0.95")
    watching.save("02_b", "6 / 0", "6 * 9")
    watching.until(lambda: "The answer is 54" in watching.page("02_b"))
    assert "Traceback" not in watching.said()


def test_a_file_that_is_gone_between_two_looks_ends_nothing(tmp_path):
    for name in ("01_a.py", "02_b.py", ".~02_b.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "03_gone.py").symlink_to(tmp_path / "nowhere")  # listed, and not there
    assert sorted(path.name for path in _state(tmp_path)) == ["01_a.py", "02_b.py"]


def test_a_chapter_gets_a_new_kernel_that_was_started_before_it_was_saved(watching):
    watching.until_said("05_verdict: ")
    kernels = []
    for turn, product in enumerate(("6 * 8", "6 * 9"), 2):
        watching.until(watching.kernels)
        time.sleep(3)  # by then it waits
        saved = time.time()
        watching.save("05_verdict", "6 * 7" if turn == 2 else "6 * 8", product)
        watching.until_said("05_verdict: ", turn)
        kernels.append(float(re.search(rf"The answer is {eval(product)} after ([\d.]+)", watching.page("05_verdict"))[1]))
        assert kernels[-1] < saved
    assert kernels[0] < kernels[1]


def test_a_waiting_kernel_that_is_killed_is_missed_by_nobody(watching):
    watching.until_said("05_verdict: ")
    watching.until(watching.kernels)
    time.sleep(3)
    for kernel in watching.kernels():
        kernel.kill()
    watching.save("02_b", "6 * 7", "6 * 8")
    watching.until(lambda: "The answer is 48" in watching.page("02_b"))
    assert "Traceback" not in watching.said() and "died" not in watching.said()


@pytest.mark.parametrize("watching", ["after a run"], indirect=True)
def test_chapters_are_rehearsed_until_one_is_saved_and_nothing_of_it_stays(watching):
    watching.until_said("Save a chapter")
    shown = (watching.out / "results" / "02_b.json").read_bytes()
    watching.until(lambda: (watching.out / ".rehearsal" / "results" / "02_b.json").is_file())
    assert (watching.out / "results" / "02_b.json").read_bytes() == shown and "05_verdict" not in watching.said()
    assert not (watching.out / ".rehearsal" / "results" / "05_verdict.json").exists()  # it would read the others' results
    watching.save("02_b", "6 * 7", "6 * 8")
    watching.until_said("05_verdict: ")
    assert "The answer is 48" in watching.page("02_b") and "The answer is 42" in watching.page("01_a")
    assert not (watching.out / ".rehearsal").exists()


@pytest.mark.parametrize("watching", ["after a run"], indirect=True)
def test_a_rehearsal_ends_with_the_watch(watching):
    watching.until((watching.out / ".rehearsal").exists)
    watching.process.terminate()
    assert watching.process.wait(PATIENCE_S) == 0 and "Traceback" not in watching.said()
    assert not [path for path in watching.out.glob(".re*")]


def test_a_rehearsal_that_has_ended_or_never_began_is_not_killed(tmp_path):
    class Ended:
        def is_alive(self):
            return False

        def kill(self):
            pytest.fail("its number may be another process's by now")

    for process in (Ended(), multiprocessing.get_context("forkserver").Process(target=print)):
        rehearsal = Rehearsal(tmp_path / "rehearsal")
        rehearsal._process = process
        rehearsal.end()


def test_what_is_kept_goes_when_the_data_change(watching):
    watching.until_said("05_verdict: ")
    watching.save("02_b", "import psutil", 'import psutil\nfrom lib.cohort import read_cohort\nprint(read_cohort("reference").n_patients, "patients")')
    watching.until_said("05_verdict: ", 2)
    assert "24 patients" in watching.page("02_b")
    kept = set(watching.out.glob(".kept-*/**/_checked_texts/*/output.pkl"))
    assert len(kept) == 1
    folder = watching.root / "data" / "reference"
    left = (folder / "patients.csv").read_text("utf-8").splitlines()[-1].partition(",")[0]
    for path in folder.glob("*.csv"):
        path.write_text("".join(line for line in path.read_text("utf-8").splitlines(True) if not line.startswith(f"{left},")), encoding="utf-8")
    watching.until(lambda: "23 patients" in watching.page("02_b"))
    assert not [path for path in kept if path.exists()] and list(watching.out.glob(".kept-*/**/output.pkl"))
    watching.process.terminate()
    assert watching.process.wait(PATIENCE_S) == 0 and not list(watching.out.glob(".kept*"))


def test_what_a_watch_that_was_killed_has_kept_is_not_read(tmp_path):
    for folder in (".kept-1a2b", ".rehearsal"):
        (tmp_path / folder / "joblib").mkdir(parents=True)
    Preview(tmp_path, tmp_path, 1)
    assert not list(tmp_path.iterdir())


def test_changed_code_is_loaded_anew(watching):
    watching.until_said("05_verdict: ")
    module = watching.root / "lib" / "units.py"
    module.write_text(module.read_text("utf-8") + "\n", encoding="utf-8")
    watching.until_said("The code has changed; starting anew.")
    watching.until_said("05_verdict: ", 2)


def test_a_fault_in_the_code_is_told_in_a_sentence_and_the_watch_goes_on_when_it_is_mended(watching):
    """`lib.units` is imported by a chapter only, `lib.pages` by the watch itself."""
    watching.until_said("05_verdict: ")
    watching.save("01_a", "import psutil", "import lib.units, psutil")
    watching.until_said("05_verdict: ", 2)
    for rounds, name in ((1, "units"), (2, "pages")):
        module = watching.root / "lib" / f"{name}.py"
        whole = module.read_text("utf-8")
        module.write_text(f"{whole}\nx = (\n", encoding="utf-8")
        watching.until_said("SyntaxError: '(' was never closed", rounds)
        assert re.search(rf"{name}\.py.*{whole.count(chr(10)) + 2}", watching.said())
        module.write_text(whole, encoding="utf-8")
        watching.until_said("05_verdict: ", 2 + rounds)
    assert not re.search("Traceback|Warning", watching.said())


@pytest.mark.parametrize("ended", [lambda pid: os.killpg(pid, signal.SIGINT), lambda pid: os.kill(pid, signal.SIGTERM)],
                         ids=["Ctrl-C", "SIGTERM"])
def test_it_ends_when_told_and_leaves_no_process_and_one_watches_a_folder_at_a_time(watching, ended):
    watching.until_said("05_verdict: ")
    second = subprocess.run([sys.executable, "-m", "lib.watch"], cwd=watching.root, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (second.returncode, second.stderr.count("\n")) == (1, 1) and "Another run is writing to" in second.stderr
    begun = psutil.Process(watching.process.pid).children(recursive=True)
    watching.until(watching.kernels)
    ended(watching.process.pid)
    assert watching.process.wait(PATIENCE_S) == 0
    gone, alive = psutil.wait_procs(begun, timeout=10)
    assert not alive and not re.search("Traceback|Warning", watching.said())
    assert not [path for path in watching.out.rglob("*") if path.name.endswith(".part")]
    assert not list(watching.out.glob(".staging/*"))


def _until(is_so):
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_ctrl_c_while_its_server_still_loads_ends_it_without_a_complaint(tmp_path):
    watch = subprocess.Popen([sys.executable, "-m", "lib.watch", "--out", tmp_path], cwd=Path(__file__).resolve().parents[1], start_new_session=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _until(lambda: list(tmp_path.glob(".staging/*/results")))
    time.sleep(0.5)  # a worker has been asked for
    os.killpg(watch.pid, signal.SIGINT)
    said, complained = watch.communicate(timeout=PATIENCE_S)
    assert watch.returncode == 0 and said.splitlines()[-1] == "Stopped." and complained == ""


@pytest.mark.parametrize("told_later", ["First", "Second"])
def test_a_waiting_sphinx_reads_pages_when_it_is_started_and_heeds_the_arguments_given_then(tmp_path, told_later):
    book, html = tmp_path / "book", tmp_path / "html"
    book.mkdir()
    (book / "conf.py").touch()

    def arguments(title):
        return ["-q", "-b", "html", "-D", f"html_title={title}", book, html]

    with SphinxProcess() as sphinx:
        sphinx.prepare(arguments("First"))
        time.sleep(5)  # long enough to have read the configuration
        (book / "index.rst").write_text("Written since\n=============\n", encoding="utf-8")
        sphinx.start(arguments(told_later))
        assert sphinx.wait() == (0, "")
    page = (html / "index.html").read_text("utf-8")
    assert f"{told_later}</title>" in page and "Written since" in page


@pytest.fixture
def small_book(tmp_path):
    book, html = tmp_path / "book", tmp_path / "html"
    book.mkdir()
    (book / "conf.py").touch()
    (book / "index.rst").write_text("A page\n======\n", encoding="utf-8")
    return ["-q", "-b", "html", book, html]


def test_a_sphinx_that_is_killed_while_it_waits_is_started_anew(small_book):
    with SphinxProcess() as sphinx:
        sphinx.prepare(small_book)
        sphinx._process.kill()
        sphinx._process.wait()
        sphinx.start(small_book)
        assert sphinx.wait()[0] == 0 and "A page" in (small_book[-1] / "index.html").read_text("utf-8")


def test_a_sphinx_that_is_killed_while_it_builds_makes_the_next_pages(small_book):
    with SphinxProcess() as sphinx:
        sphinx.start(small_book)
        sphinx._process.kill()
        assert sphinx.wait() == (1, "its process was ended.")
        sphinx.prepare(small_book)
        sphinx.start(small_book)
        assert sphinx.wait() == (0, "") and "A page" in (small_book[-1] / "index.html").read_text("utf-8")


def test_a_sphinx_that_is_called_off_before_the_word_to_build_does_not_begin(small_book):
    *_, book, _ = small_book
    (book / "conf.py").write_text("""\
def setup(app):
    app.connect("config-inited", lambda app, config: (app.srcdir / "ready").touch())
    app.connect("env-before-read-docs", lambda app, environment, names: (app.srcdir / "began").touch())
""", encoding="utf-8")
    with SphinxProcess() as sphinx:
        sphinx.prepare(small_book)
        _until((book / "ready").exists)
        time.sleep(2)  # the rest of its configuration
    assert not (book / "began").exists()


def test_what_a_build_that_was_killed_has_left_is_not_gone_on_with(small_book):
    """It ends when the page is written and the index of the search is not; a build that goes on finds nothing to do."""
    *_, book, html = small_book
    (book / "conf.py").write_text("""\
import time
def wait(app):
    (app.srcdir / "written").touch()
    while (app.srcdir / "wait").exists():
        time.sleep(0.05)
    return []
def setup(app):
    app.connect("html-collect-pages", wait)
""", encoding="utf-8")
    (book / "wait").touch()
    with SphinxProcess() as sphinx:
        sphinx.start(small_book)
        _until((book / "written").exists)
        sphinx._process.kill()
        assert sphinx.wait() == (1, "its process was ended.")
        assert (html / "index.html").exists() and not (html / "searchindex.js").exists()
        (book / "wait").unlink()
        sphinx.start(small_book)
        assert sphinx.wait() == (0, "")
    assert (html / "searchindex.js").exists()


def test_a_reference_that_gets_another_key_after_the_rehearsal_is_found_by_it(small_book):
    *_, book, html = small_book
    (book / "conf.py").write_text('extensions = ["sphinxcontrib.bibtex"]\nbibtex_bibfiles = ["all.bib"]\n', encoding="utf-8")
    with SphinxProcess() as sphinx:
        for key in ("first1958", "first1958", "second1958"):
            (book / "all.bib").write_text(f"@article{{{key}, author={{Kaplan, E. L.}}, title={{Estimation}}, journal={{JASA}}, year={{1958}}}}", encoding="utf-8")
            (book / "index.rst").write_text(f"A page\n======\n\n:cite:p:`{key}`\n\n.. bibliography::\n", encoding="utf-8")
            sphinx.start(small_book)
            assert sphinx.wait() == (0, "")
    assert "Estimation" in (html / "index.html").read_text("utf-8")


def test_pages_built_after_the_rehearsal_are_those_of_a_new_sphinx(study_run, tmp_path):
    """The second build comes after the rehearsal, and the third finds what the rehearsal has left."""
    book, pages = tmp_path / "book", {}
    write_book(study_run.out, book, preview=True)
    with SphinxProcess() as sphinx:
        for turn in (1, 2, 3):
            html = tmp_path / f"html_{turn}"
            sphinx.start(sphinx_arguments(book, html, "A title", "A notice"))
            assert sphinx.wait()[0] == 0
            pages[turn] = {path.relative_to(html): path.read_bytes() for path in html.rglob("*.html")}
            shutil.rmtree(book / "doctrees")
    assert pages[1] == pages[2] == pages[3] and len(pages[1]) > 8
