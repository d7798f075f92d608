"""Run the study: every chapter executed headless, and the executed chapters made into pages.

``python -m lib.run`` writes to ``build/``: ``notebooks/``, ``results/``, ``tables/``, ``figures/`` and ``html/``.
A run works in a folder of its own below ``.staging`` inside its output folder and moves its files out only when every
chapter has succeeded. What a killed run has left there is removed by the next; a process of it that still writes, for the
moment until it notices, cannot reach the folder of another run.
"""

import argparse
import fcntl
import json
import os
import re
import shutil
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from glob import has_magic
from pathlib import Path

from lib import ADMITTED
from lib.environment import fixed_environment
from lib.freshness import REPORT, chapter_keys, leave_out, pages_key, stale_chapters, take_over, write_record
from lib.notebooks import NotebookError, find_sources, read_value
from lib.parameters import PARAMETERS, ParameterError, check_parameters
from lib.preheated import begin_server, end_server, is_possible
from lib.sphinx_process import SphinxProcess

ROOT = Path(__file__).resolve().parents[1]
STAGING = ".staging"

#: What the chapters and the pages write, in the order in which it is moved out: pages last, their parts first.
PRODUCTS = ("results", "tables", "figures", "notebooks", "html")


class RunError(RuntimeError):
    """The run cannot go on; the message says why in one sentence."""


def main(arguments=None, notebooks=ROOT / "notebooks"):
    """Run the study from the command line.

    Parameters
    ----------
    arguments : list of str, optional
        Defaults to the command line.
    notebooks : path-like
        Folder of the chapters' py:percent files.

    Returns
    -------
    int
        0: done. 1: a chapter failed, or a published figure is missed unexpectedly. 2: the command line is wrong. 130: Ctrl-C.
    """
    options = _parse(arguments)
    if options.compare:
        return compare(*options.compare, options.out)
    try:
        if _will_execute(options):
            _begin_server()  # it imports on another core while this process reads the chapters
        if (code := _run(options, notebooks)) == 2:
            end_server()
        return code
    except OSError as error:
        place = error.filename2 or error.filename
        print(f"The run stopped: {error.strerror or error}{f' ({place})' if place else ''}. No file is half written; mend this and run again.",
              file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        end_server()
        print("Stopped; earlier outputs are as they were.", file=sys.stderr)
        return 130


def _run(options, notebooks):
    try:
        given = dict(options.parameters) | ({"cohort": options.cohort} if options.cohort else {})
        sources = find_sources(notebooks)
        if own_cohort(given):
            sources = [source for source in sources if not source.about_publication]
        asked = choose(sources, options.notebook)
        many = _is_many(options)
        refuse_ignored(options, many)
        if many:
            return many_sites(asked, given, options, whole=len(asked) == len(sources))
        if options.cohort:
            given["cohort"] = cohort_parameter(options.cohort)
        if "paper" in given:
            given["paper"] = paper_parameter(given["paper"])
        changes = changed_parameters(asked, given)
        out = Path(options.out).resolve() if options.out else default_folder(ROOT / "build", changes)
        if options.refresh and any(changes.values()):
            raise NotebookError("--refresh writes the published analysis; leave out -p and --cohort.")
    except (NotebookError, ParameterError) as error:
        print(error, file=sys.stderr)
        return 2
    own = own_cohort(given)
    try:
        if own:
            admit(own, out, options.allow)
            os.environ[ADMITTED] = str(Path(own).resolve())
        run(sources, asked, changes, out, not options.no_pages, options.timeout, options.processes, options.changed, options.preheated)
        if options.refresh:
            refresh(asked, out)
        if own:
            from lib.run_record import write_run_record

            write_run_record(out, own, changes)
    except RunError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        os.environ.pop(ADMITTED, None)
    return report(out, pages=not options.no_pages, published_analysis=not any(changes.values()))


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m lib.run", description="Recompute the study and make its pages.")
    parser.add_argument("notebook", nargs="*", metavar="NOTEBOOK", help="chapters to run, such as 04_survival; all when none is named")
    parser.add_argument("--cohort", metavar="FOLDER", help="a folder under data/, any folder with the tables of a cohort, or many in quotes: 'cohorts/sites/*'")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="with many cohorts: a Dask scheduler such as tcp://host:8786, instead of this machine")
    parser.add_argument("--allow", action="append", default=[], metavar="COLUMN", help="with --cohort: this column looks identifying and is not")
    parser.add_argument("--print-files", action="store_true", help="with many cohorts: also write figures and tables as files for print and for Word, as a run of one does")
    parser.add_argument("--out", metavar="FOLDER", help="where to write; build/, or build/runs/... when a parameter is changed")
    parser.add_argument("-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="change a parameter in every chapter that has it")
    parser.add_argument("--no-pages", action="store_true", help="execute the chapters, make no web pages")
    parser.add_argument("--changed", action="store_true", help="only chapters whose code, data, parameters or lock have changed since the last run")
    parser.add_argument("--refresh", action="store_true", help="then copy the executed chapters over notebooks/*.ipynb")
    parser.add_argument("--compare", nargs=2, metavar=("RUN", "RUN"), help="show the numbers that differ between two runs: folders, names under build/runs, or 'published'")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="longest time for one cell (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=_usable_cores(), metavar="N", help="chapters at a time (default: %(default)s, the cores)")
    parser.add_argument("--preheated", action=argparse.BooleanOptionalAction, default=True, help="on Linux: import the libraries once and fork each chapter's Python, or start each anew; the outputs are the same (many cohorts: always forked)")
    return parser.parse_args(arguments)


def _will_execute(options):
    """Whether forked kernels are needed as far as can be told before a file is read; each site of many has a server of its own."""
    return options.preheated and not options.changed and not _is_many(options)


def _is_many(options):
    """Whether the cohort is a pattern of folders, each a site."""
    return bool(options.cohort and has_magic(options.cohort))


def _begin_server():
    if is_possible():
        begin_server(fixed_environment())


def _usable_cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compare(first, second, out=None):
    """Print the numbers that differ between two runs and write them as CSV and as a page; 2 when a run is not there."""
    from lib.compare_runs import CompareError, as_text, compare_runs, find_run, write_comparison

    try:
        runs = [find_run(name, ROOT / "build") for name in (first, second)]
        changes = compare_runs(*runs)
    except CompareError as error:
        print(error, file=sys.stderr)
        return 2
    folder = Path(out) if out else ROOT / "build" / "compared" / " and ".join(path.name for path in runs)
    page = write_comparison(changes, folder)
    print(f"{as_text(changes)}\n\n{page}")
    return 0


def refuse_ignored(options, many):
    """Refuse options that one cohort, or many at once, would have no use for.

    Raises
    ------
    NotebookError
        With the option's name.
    """
    if options.scheduler and not many:
        raise NotebookError("--scheduler is for many cohorts at once, such as --cohort 'cohorts/sites/*'; leave it out.")
    if options.refresh and many:
        raise NotebookError("--refresh writes the published analysis; leave out -p and --cohort.")
    if options.changed and many:
        raise NotebookError("--changed is for one cohort at a time; leave it out, and name the chapters that are to be run.")
    if not options.preheated and many:
        raise NotebookError("--no-preheated is for one cohort at a time; leave it out, the outputs are the same.")


def many_sites(asked, given, options, whole=True):
    """Run chapters for each folder of a pattern; 1 when a site failed, each named with its reason.

    Raises
    ------
    NotebookError, lib.parameters.ParameterError
        When the command line is wrong, before anything is run or written.
    """
    from lib.sites import earlier_results, find_sites, refuse_unfit, run_sites  # Dask takes a second to load

    out = Path(options.out).resolve() if options.out else ROOT / "build" / "sites"
    changes = changed_parameters(asked, given)
    sites, left_aside = find_sites(options.cohort, out)
    refuse_unfit(sites, out, options.scheduler)
    if left_aside:
        print(f"Left aside, since a site is a folder: {', '.join(left_aside)}.", file=sys.stderr)
    try:
        with locked(out):
            failures = run_sites(asked, changes, sites, out, options.scheduler, options.processes, options.timeout, options.print_files, options.allow, whole)
    except (RunError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"Stopped; the sites that were complete are in {out}, which has no summary of this run.", file=sys.stderr)
        return 130
    for site, reason in sorted(failures.items()):
        print(f"{site}: {reason}", file=sys.stderr)
    for site, folder in earlier_results(out, failures).items():
        print(f"Earlier results of {site} lie in {out / folder}, they are not of this run.", file=sys.stderr)
    print(out / "summary.html")
    return 1 if failures else 0


def cohort_parameter(name):
    """What the chapters are given for ``--cohort``: a name under ``data/`` as it is, else an absolute path.

    Raises
    ------
    NotebookError
        When there is no such folder.
    """
    given = Path(name).expanduser()
    if (ROOT / "data" / name).is_dir() and given.name == name:
        return name
    if not given.is_dir():
        raise NotebookError(f"--cohort {name}: there is no such folder, here or under data/.")
    return str(given.resolve())


def paper_parameter(name):
    """What the chapter on another paper is given for ``-p paper``: a name under ``data/another_paper/`` as it is, else an absolute path.

    Raises
    ------
    NotebookError
        When there is no such file.
    """
    if (ROOT / "data" / "another_paper" / f"{name}.csv").is_file():
        return name
    given = Path(name).expanduser()
    if not given.is_file():
        raise NotebookError(f"-p paper {name}: there is no such file, and no {name}.csv under data/another_paper/.")
    return str(given.resolve())


def own_cohort(given):
    """The reader's own cohort among the given parameters; None where it is the published study's."""
    if given.get("cohort", "reference") == "reference":
        return None
    from lib.cohort import is_ours  # pandas takes a moment to load, which the published analysis need not wait

    return None if is_ours(given["cohort"]) else given["cohort"]


def admit(cohort, out, allow):
    """Refuse a cohort that breaks the contract or may not be analysed into this folder, before anything is written.

    Returns
    -------
    lib.cohort.Cohort
        The chapters of this run need not check it again.

    Raises
    ------
    RunError
        With every problem, worst first.
    """
    from lib.cohort import CohortError
    from lib.privacy import admit as admitted

    try:
        return admitted(cohort, out, allow)
    except CohortError as error:
        raise RunError(str(error)) from error


def choose(sources, names):
    """The chapters named, by number, name or path; all when no name is given.

    Raises
    ------
    NotebookError
        When a name stands for no chapter.
    """
    if not names:
        return list(sources)
    wanted = {Path(name).stem for name in names}
    known = {form for source in sources for form in (source.name, source.name[:2])}
    if unknown := sorted(wanted - known):
        raise NotebookError(f"There is no chapter {unknown[0]}; there are {', '.join(source.name for source in sources)}.")
    return [source for source in sources if wanted & {source.name, source.name[:2]}]


def changed_parameters(sources, given):
    """For each chapter, the given values that differ from its own parameters cell.

    Parameters
    ----------
    sources : list of lib.notebooks.Source
        The chapters to run.
    given : dict of str to str
        Parameter names and values as typed.

    Returns
    -------
    dict of str to dict
        Chapter name to values, read in the type of that chapter's default.

    Raises
    ------
    lib.notebooks.NotebookError, lib.parameters.ParameterError
        When no chapter has a parameter of that name, or the value does not suit it.
    """
    known = sorted({name for source in sources for name in source.parameters})
    for name in given:
        if name not in known:
            raise NotebookError(f"-p {name}: no chapter to be run has such a parameter; there are {', '.join(known)}.")
    changes = {}
    for source in sources:
        values = {name: read_value(name, text, source.parameters[name]) for name, text in given.items() if name in source.parameters}
        check_parameters({name: value for name, value in values.items() if name in PARAMETERS})
        changes[source.name] = {name: value for name, value in values.items() if value != source.parameters[name]}
    return changes


def default_folder(build, changes):
    """``build`` for the published analysis, else a folder of ``build/runs`` named after what was changed."""
    changed = {name: value for values in changes.values() for name, value in values.items()}
    if not changed:
        return build
    parts = [f"{name}={Path(value).name if name in ('cohort', 'paper') else value}" for name, value in sorted(changed.items())]
    return build / "runs" / re.sub(r"[^\w.=,-]+", "-", ",".join(parts)).strip("-.")


def run(sources, asked, changes, out, pages=True, timeout_s=600, n_processes=2, only_changed=False, preheated=True, shelf=ROOT / "build"):
    """Execute chapters and make the pages; the output folder changes only when all of it has succeeded.

    Parameters
    ----------
    sources : list of lib.notebooks.Source
        All chapters of the collection.
    asked : list of lib.notebooks.Source
        Those to execute. A chapter that reads the results of the others is executed too if ``out`` already holds
        it, and brings along the others that ``out`` lacks.
    changes : dict of str to dict
        Chapter name to the parameters that differ from its defaults.
    out : path-like
        The output folder.
    pages : bool
        Make the web pages too.
    timeout_s : float
        Longest time for one cell.
    n_processes : int
        Chapters executed at a time.
    only_changed : bool
        Leave out chapters, and pages, that would come out as they are: see `lib.freshness`.
    preheated : bool
        Fork each chapter's Python from one that has imported the libraries, where the machine can: see `lib.preheated`.
    shelf : path-like
        Output folder of the published analysis: chapters that are brought along and stand there unchanged are copied.

    Raises
    ------
    RunError
        When another run holds the output folder, or a chapter fails.
    """
    out = Path(out)
    with locked(out):
        refuse_closed(out)
        shutil.rmtree(out / STAGING, ignore_errors=True)
        keys, key_of_pages = chapter_keys(sources, changes), None
        if pages:
            key_of_pages = pages_key(keys)
        if only_changed:
            stale, stale_pages = stale_chapters(out, keys)
            asked = [source for source in asked if source.name in stale]
            pages = pages and (bool(asked) or stale_pages)
            if not asked and not pages:
                return
        try:
            chosen = with_dependants(sources, asked, out) if asked else []
            everything = len(chosen) == len(sources)
            staging = prepare_staging(out, fresh=everything)
            for source in chosen:
                leave_out(staging, source.name)
            with SphinxProcess() if pages else nullcontext() as sphinx:
                copied = {source.name for source in chosen if source not in asked and take_over(Path(shelf), staging, source.name, keys[source.name])}
                if to_execute := [source for source in chosen if source.name not in copied]:
                    _execute(to_execute, changes, staging, timeout_s, n_processes, preheated)
                if pages:
                    _make_pages(staging, sphinx)
            products = PRODUCTS if pages else PRODUCTS[:-1]
            publish(staging, out, products)
            if pages:
                os.replace(staging / REPORT, out / REPORT)
                products = (*products, REPORT)
            write_record(out, keys, {source.name for source in chosen}, products, key_of_pages)
        finally:
            shutil.rmtree(out / STAGING, ignore_errors=True)


def _execute(chosen, changes, staging, timeout_s, n_processes, preheated):
    if preheated:
        _begin_server()
    from lib.execute import ChapterError  # papermill takes a second to load, which a run without chapters need not wait
    from lib.pool import execute_all

    try:
        execute_all(chosen, changes, staging, timeout_s, n_processes, preheated)
    except ChapterError as error:
        raise RunError(str(error)) from error


def _make_pages(staging, sphinx):
    from lib.pages import PagesError, build_pages  # not needed, and not loaded, without pages

    try:
        build_pages(staging, sphinx)
    except PagesError as error:
        raise RunError(str(error)) from error


@contextmanager
def locked(out):
    """Hold an output folder; the lock goes with its process, however that ends.

    Raises
    ------
    RunError
        When another process holds it, or the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = open(out / ".lock", "w")  # noqa: SIM115 - closed below, after the run
    except OSError as error:
        raise RunError(f"The output folder {out} cannot be written: {error.strerror}.") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"Another run is writing to {out}; wait for it to end, or name another folder with --out.") from error
        yield


def refuse_closed(out):
    """Refuse to begin where a folder to be filled at the end cannot be written.

    Raises
    ------
    RunError
        With the folder's name.
    """
    for folder in (out, *(path for product in PRODUCTS for path in [out / product, *(out / product).rglob("*")] if path.is_dir())):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise RunError(f"The output folder {folder} cannot be written: Permission denied.")


def with_dependants(sources, asked, out):
    """The chapters asked for, with those that must be executed beside them to keep ``out`` of one piece."""
    held = {path.stem for path in (out / "results").glob("*.json")}
    names = {source.name for source in asked}
    names |= {source.name for source in sources if source.runs_last and source.name in held}
    if any(source.runs_last and source.name in names for source in sources):
        names |= {source.name for source in sources if source.name not in held}
    return [source for source in sources if source.name in names]


def prepare_staging(out, fresh):
    """A new, empty staging folder or, for a run of some chapters, one with a copy of what the other chapters have written."""
    (out / STAGING).mkdir(exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=out / STAGING))
    begin_products(staging, None if fresh else out)
    return staging


def begin_products(staging, earlier=None):
    """The folders that chapters write to, with a copy of what lies in those of an earlier output folder, or empty."""
    for product in PRODUCTS[:-1]:
        if earlier and (earlier / product).is_dir():
            shutil.copytree(earlier / product, staging / product)
        else:
            (staging / product).mkdir()


def publish(staging, out, products):
    """Move finished files out of staging, each taking its predecessor's place at once; then drop what was not made again."""
    for product in products:
        made = sorted(path.relative_to(staging) for path in (staging / product).rglob("*") if path.is_file())
        for path in made:
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / path, out / path)
        for path in sorted((out / product).rglob("*"), reverse=True):
            if path.is_file() and path.relative_to(out) not in made:
                path.unlink()
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def refresh(sources, out):
    """Copy executed chapters over the ``.ipynb`` beside their sources."""
    for source in sources:
        beside = source.path.with_suffix(".ipynb.part")
        shutil.copyfile(out / "notebooks" / f"{source.name}.ipynb", beside)
        os.replace(beside, source.path.with_suffix(".ipynb"))


def report(out, pages, published_analysis):
    """Print where the pages are and, for the published analysis, how many of the paper's figures were reproduced.

    Parameters
    ----------
    out : pathlib.Path
        The output folder.
    pages : bool
        Whether pages were made.
    published_analysis : bool
        False when a parameter or the cohort was changed: the ledger's verdicts then mean nothing.

    Returns
    -------
    int
        1 when a verdict differs from the one expected, else 0.
    """
    if pages:
        print(out / "html" / "index.html")
    verdict = out / "results" / "05_verdict.json"
    if not published_analysis or not verdict.is_file():
        return 0
    summary = json.loads(verdict.read_text("utf-8")).get("summary")
    if summary is None:
        return 0
    print(summary_line(summary))
    return 1 if summary["unexpected"] else 0


def summary_line(summary):
    """One sentence on how the ledger of published figures came out.

    Parameters
    ----------
    summary : dict of str to int
        ``published`` rows, and among them ``reproduced``, ``differs``, ``not_derivable``, ``method``; ``unexpected``
        counts the verdicts that are not the ones the ledger expects.
    """
    unexpected = summary["unexpected"]
    known = "all as expected" if not unexpected else f"{unexpected} verdicts NOT as expected"
    return (
        f"{summary['reproduced']} of {summary['published']} published figures reproduced, {summary['differs']} differ, "
        f"{summary['method']} are protocol figures checked against the rows, {summary['not_derivable']} not derivable; {known}."
    )


if __name__ == "__main__":
    sys.exit(main())
