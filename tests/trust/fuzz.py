"""Made-up input for intake, mapping and contract: refused in words or read, never a crash, a hang or a stray file.

Inputs are drawn by hypothesis: exports whose cells, columns and bytes are spoiled, cohort folders, mapping files, and
files of bytes under every extension that the intake reads. Each is handed to the command that a reader would call.
"""

import io
import os
import shutil
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from lib.cohort import read_cohort
from lib.contract import CONTRACT, TABLES, CohortError
from lib.intake.__main__ import main
from lib.intake.mapping import KNOWN_KEYS
from lib.intake.sources import READERS
from lib.units import conversion_factor

#: Longest CPU time for one input.
LONGEST_S = 2

#: What share of the inputs is of each kind.
SHARES = {"export": 0.3, "cohort": 0.3, "mapping": 0.1, "bytes": 0.3}

GOOD = {
    "patients": [["patient", "age_years", "sex", "first_treatment", "os_treatment_months", "died", "liver_pfs_months", "liver_progressed"],
                 ["A1", "61", "female", "TACE", "10.5", "true", "6.5", "true"], ["A2", "55", "male", "Y90", "20.25", "false", "12.0", "true"]],
    "treatments": [["patient", "session", "day", "treatment"], ["A1", "1", "0", "TACE"], ["A2", "1", "0", "Y90"]],
    "labs": [["patient", "visit", "visit_day", "analyte", "value", "unit", "lower_normal", "upper_normal"],
             ["A1", "baseline", "-3", "bilirubin", "0.8", "mg/dL", "0.2", "1.2"], ["A2", "month_3", "90", "alt", "40", "U/L", "7", "56"]],
    "lesions": [["patient", "visit", "visit_day", "lesion", "longest_diameter_mm", "target", "new", "extrahepatic"],
                ["A1", "baseline", "-5", "L1", "50", "true", "false", "false"], ["A1", "month_3", "90", "L1", "20", "true", "false", "false"]],
    "adverse_events": [["patient", "term", "grade", "onset_day", "relation"], ["A1", "nausea", "2", "3", "related"]],
}
HOSTILE = ["=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "# head", "![x](http://x)",
           "../../etc/passwd", "/etc/passwd", "C:\\x", "nan", "NaN", "inf", "-inf", "1e400", "1e-400", "٣", "²", "½", "0x10", "1_000", "1,5", "1.234,5",
           "true", "0", "-0", "99999999999999999999", "2015-02-30", "0000-00-00", "31.12.2015", "9999-12-31", "\u202e", "\ufeff", "a\u0000b", "\r\n", '"',
           "'", ";", "{{7*7}}", "${x}", "%s%n", "NULL", "None", "#DIV/0!", "1;DROP", " ", "", "é" * 300, "𝟙", "1" * 400, "\ud7ff"]
COLUMNS = sorted({column.name for columns in CONTRACT.values() for column in columns})

cells = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12), st.integers(-10**6, 10**6).map(str), st.floats(width=32).map(repr),
                  st.dates().map(str), st.sampled_from(COLUMNS))
names = st.one_of(st.sampled_from(COLUMNS), st.sampled_from(HOSTILE), st.text(max_size=12))


@st.composite
def tables(draw):
    """The good tables, some left out, with some cells, columns or rows spoiled: name -> rows of cells."""
    chosen = draw(st.lists(st.sampled_from(TABLES), min_size=1, max_size=2, unique=True))
    if draw(st.integers(0, 9)):
        chosen = list(dict.fromkeys(["patients", *chosen]))
    found = {name: [list(row) for row in GOOD[name]] for name in chosen}
    for _ in range(draw(st.integers(1, 3))):
        rows = found[draw(st.sampled_from(chosen))]
        row = draw(st.integers(0, len(rows) - 1))
        place = draw(st.integers(0, max(len(rows[row]) - 1, 0)))
        what = draw(st.sampled_from(["cell", "cell", "cell", "column", "copy", "drop", "add", "cut"]))
        if what == "cell" and rows[row]:
            rows[row][place] = draw(cells if row else names)
        elif what == "column":
            for number, each in enumerate(rows):
                each.append(draw(cells if number else names))
        elif what == "copy":
            rows.append(list(rows[row]))
        elif what == "drop" and len(rows) > 1:
            del rows[row]
        elif what == "add":
            rows[row].append(draw(cells))
        elif what == "cut" and rows[row]:
            del rows[row][place]
    return found


def as_text(rows, delimiter=","):
    """Rows as CSV, a cell quoted where it must be."""
    return "\n".join(delimiter.join(f'"{cell.replace(chr(34), chr(34) * 2)}"' if set(cell) & set(f'"{delimiter}\n\r') else cell for cell in row) for row in rows)


texts = st.tuples(tables(), st.sampled_from(",,,;\t"), st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]))
splinters = st.one_of(st.binary(max_size=80), st.sampled_from([b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1", b"$FL2@(#)", b"<stata_dta>", b"HEADER RECORD*******", b"\xff\xfe", b"\xef\xbb\xbf"]))
leaves = st.one_of(st.none(), st.booleans(), st.integers(-99, 99), st.floats(allow_nan=True), st.sampled_from(HOSTILE), st.sampled_from(COLUMNS), st.dates(), st.text(max_size=8))
trees = st.recursive(leaves, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(COLUMNS), st.sampled_from(["column", "value", "unit", "codes", "since", "sheet", "where", *TABLES]), leaves.filter(lambda leaf: leaf == leaf)), inner, max_size=3)), max_leaves=8)
mappings = st.one_of(
    st.dictionaries(st.sampled_from(sorted(KNOWN_KEYS)), trees, max_size=4).map(yaml.safe_dump),
    st.dictionaries(st.sampled_from(COLUMNS), trees, max_size=5).map(lambda columns: yaml.safe_dump({"tables": {"patients": {"sheet": "patients", "columns": {"patient": "patient"} | columns}}})),
    st.text(max_size=60), st.sampled_from(["!!python/object/apply:os.system ['true']", "a: &a [*a]", "? [x]\n: y", "2015-13-45", "{", "- " * 500, "tables: 0o9", "<<: 1"]))


class Fault(AssertionError):
    """An input did what none may do."""


class _Watch:
    """Files opened for writing, and processes begun, outside the folder of the input at hand."""

    def __init__(self):
        self.allowed, self.strays = None, []
        sys.addaudithook(self._see)

    def _see(self, event, arguments):
        if self.allowed is None:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = any(sign in (mode or "") for sign in "wax+") or (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and isinstance(path, str | bytes | os.PathLike):
                self._note(event, path)
        elif event in ("os.mkdir", "os.rename", "os.remove", "os.symlink"):
            self._note(event, arguments[0])
        elif event in ("os.system", "os.exec", "subprocess.Popen", "pickle.find_class", "socket.connect"):
            self.strays.append(f"{event} {arguments[0]}")

    def _note(self, event, path):
        # an absolute path without a dot-dot; what lies below the folder of a descriptor is relative
        where = os.path.abspath(os.fsdecode(path))
        if os.path.isabs(os.fsdecode(path)) and not where.startswith(self.allowed) and where != os.devnull:
            self.strays.append(f"{event} {where}")


def fuzz(n_inputs, seed=1):
    """Try inputs until one does what it may not, or all are through.

    Parameters
    ----------
    n_inputs : int
    seed : int
        Of hypothesis.

    Returns
    -------
    dict
        ``inputs`` in all, ``refused`` and ``read`` among them, ``by_kind``, ``longest_s`` (CPU time of one input) and ``seed``.

    Raises
    ------
    Fault or any error of the code under test
        Shrunk by hypothesis to the smallest input that shows it.
    """
    conversion_factor("albumin", "g/L")  # pint comes with the first unit, and dask with pint, which unpickles functions of its own
    watch, counts, longest = _Watch(), {kind: {"read": 0, "refused": 0} for kind in SHARES}, [0.0]
    home = Path(tempfile.mkdtemp(prefix="fuzz"))

    def attempt(kind, files, call):
        folder = home / "input"
        shutil.rmtree(home, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        out, said, began = home / "out", io.StringIO(), time.process_time()
        watch.allowed = str(home)
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(said):
                read = call(folder, out)
        finally:
            watch.allowed = None
        seconds, strays = time.process_time() - began, [*watch.strays]
        watch.strays.clear()
        left = sorted(path.name for path in home.iterdir())
        if seconds > LONGEST_S:
            raise Fault(f"took {seconds:.1f} s")
        if strays or left not in ([["input"], ["input", "out"]][read is True and kind != "cohort":][:1] or [[]]):
            raise Fault(f"strays: {strays}, left behind: {left}")
        if not read and (not said.getvalue().strip() or "Traceback" in said.getvalue()):
            raise Fault(f"refused without a reason: {said.getvalue()!r}")
        counts[kind]["read" if read else "refused"] += 1
        longest[0] = max(longest[0], seconds)

    def imported(folder, out, mapping=None):
        given_mapping = ["--mapping", str(folder / mapping)] if mapping else []
        return main([str(folder), "--out", str(out), *given_mapping]) == 0

    def admitted(folder, _):
        try:
            read_cohort(folder)
        except CohortError as refused:
            print(refused, file=sys.stderr)
            return False
        return True

    def coded(content):
        found, delimiter, encoding = content
        ending = "tsv" if delimiter == "\t" else "csv"
        return {f"{name}.{ending}": as_text(rows, delimiter).encode(encoding, "replace") for name, rows in found.items()}

    trials = {
        "export": (texts, lambda content: attempt("export", coded(content), imported)),
        "cohort": (tables(), lambda found: attempt("cohort", coded((found, ",", "utf-8")), admitted)),
        "mapping": (mappings, lambda text: attempt("mapping", coded(({"patients": GOOD["patients"]}, ",", "utf-8")) | {
            "map.yaml": text.encode("utf-8", "replace")}, lambda folder, out: imported(folder, out, "map.yaml"))),
        "bytes": (st.tuples(st.sampled_from(sorted(READERS)), st.lists(splinters, max_size=4)),
                  lambda content: attempt("bytes", {f"patients{content[0]}": b"".join(content[1])}, imported)),
    }
    for kind, (strategy, check) in trials.items():
        options = settings(max_examples=max(1, round(SHARES[kind] * n_inputs)), deadline=None, database=None, suppress_health_check=list(HealthCheck),
                           phases=[Phase.generate, Phase.shrink], derandomize=False)
        seeded(seed)(options(given(strategy)(check)))()
    shutil.rmtree(home, ignore_errors=True)
    totals = {outcome: sum(each[outcome] for each in counts.values()) for outcome in ("read", "refused")}
    return {"inputs": sum(totals.values()), **totals, "by_kind": counts, "longest_s": round(longest[0], 2), "seed": seed}
