"""Many cohorts: the chapters of each site through Dask, on this machine or on a cluster, and one page over the sites."""

import json
import os
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from glob import glob
from html import escape
from multiprocessing import resource_tracker
from pathlib import Path
from urllib.parse import quote

import dask
import pandas as pd
import psutil
from dask.distributed import Client, LocalCluster, as_completed
from distributed.comm.addressing import parse_address, parse_host_port
from distributed.comm.registry import get_backend
from distributed.scheduler import KilledWorker
from tqdm import tqdm

from lib import ADMITTED, CHECKED
from lib.cohort_files import is_cohort
from lib.contract import CohortError
from lib.environment import fixed_environment, set_environment
from lib.execute import execute_in_turn
from lib.freshness import ROOT, leave_out, reached_from
from lib.intake.output import refuse_tracked
from lib.kept import hand_over
from lib.narrative import interval, months, percent
from lib.notebooks import NotebookError
from lib.preheated import PRELOADED, begin_server, is_possible, is_serving
from lib.tables import write_csv

#: A site is given to another worker so many times when its worker is lost, and then named as failed.
RETRIES = 2
PRODUCTS = ("results", "tables", "figures", "notebooks")

#: An empty file in a folder that holds results of a site and nothing else: only such a folder is ever moved or removed.
MADE = ".site"

#: Below the output folder, results of sites that the last run has not completed.
EARLIER = "earlier"
SUMMARY = ("summary.csv", "summary.html")

#: What chapters load in the midst of their work, loaded once for all sites.
LOADED_LATE = ("joblib", "statsmodels.discrete.conditional_models")

#: Dask's settings for workers each of which has one long task at a time, in processes of its own: they are not watched many times a second.
QUIET = {
    "distributed.worker.daemon": False,  # a daemon may not have kernels forked
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
}

#: Seconds after which a cluster without workers is told of.
PATIENCE_S = 5


def find_sites(pattern, out):
    """The folders that a pattern names, the output folder left out, and the names of what is no folder.

    Raises
    ------
    NotebookError
        When no folder holds a table of patients, two have one name, or a name is taken.
    """
    found = sorted(Path(path).resolve() for path in glob(str(Path(pattern).expanduser())))
    folders = [path for path in found if path.is_dir() and (path != out or is_cohort(path))]
    if not any(map(is_cohort, folders)):
        raise NotebookError(f"--cohort {pattern}: no folder of that pattern holds a patients.csv or patients.parquet.")
    names = [folder.name for folder in folders]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise NotebookError(f"--cohort {pattern}: two folders are called {twice[0]}; give each site a name of its own.")
    if taken := [name for name in names if name in (EARLIER, *SUMMARY) or name.startswith(".")]:
        raise NotebookError(f"--cohort {pattern}: no site can be called {taken[0]}; give it another name.")
    return folders, [path.name for path in found if not path.is_dir()]


def refuse_unfit(sites, out, scheduler=None):
    """Refuse an output folder that may not hold results of these sites, and an address that is none, before anything is run.

    Raises
    ------
    NotebookError
    """
    if any(out / site.name == site for site in sites):
        raise NotebookError(f"--out {out}: the cohorts themselves lie there; name another folder.")
    try:
        refuse_tracked(out)
    except CohortError as error:
        raise NotebookError(str(error)) from None
    if scheduler:
        try:
            scheme, place = parse_address(scheduler)
            get_backend(scheme)
            parse_host_port(place)
        except ValueError:
            raise NotebookError(f"--scheduler {scheduler}: expected the address of a Dask scheduler, such as tcp://host:8786.") from None


def run_sites(sources, changes, sites, out, scheduler=None, n_processes=2, timeout_s=600, print_files=False, allow=(), whole=True):
    """Execute chapters of all sites, and write the summary.

    Parameters
    ----------
    sources : list of lib.notebooks.Source
        The chapters to execute.
    changes : dict of str to dict
        Chapter name to the parameters that differ from its defaults, the cohort left out.
    sites : list of pathlib.Path
        From `find_sites`; a cluster's workers must see these folders and ``out`` under the same paths.
    out : pathlib.Path
        Gets one folder a site, ``summary.csv`` and ``summary.html``. Earlier results of a site that is not completed
        are moved below `EARLIER`.
    scheduler : str, optional
        Address of a Dask scheduler; without one, a cluster on this machine is made and closed.
    n_processes : int
        Workers on this machine.
    timeout_s : float
        Longest time for one cell.
    print_files : bool
        Write figures as PNG, SVG and PDF and tables as Word files too, which take as long as all else; the executed
        chapters show both, and a run of one site writes them.
    allow : sequence of str
        Columns that look identifying and are not.
    whole : bool
        Whether these are all chapters; otherwise each site keeps what the others have written.

    Returns
    -------
    dict of str to str
        Site to the sentence that says why it failed, for those that did.
    """
    from lib.run import STAGING  # the runner calls this module

    out.mkdir(parents=True, exist_ok=True)
    ordered = sorted(sources, key=lambda source: source.turn)
    jobs = [(source.path, changes.get(source.name, {})) for source in ordered]
    failures = {}
    shutil.rmtree(out / STAGING, ignore_errors=True)
    (out / STAGING).mkdir()
    try:
        shelter = Path(tempfile.mkdtemp(dir=out / STAGING))
        with _client(scheduler, n_processes) as client, tqdm(total=len(sites), desc="sites", unit="site", disable=None) as bar:
            futures = {client.submit(run_site, site, jobs, out, shelter, timeout_s, print_files, allow, whole, pure=False): site.name for site in sites}
            for future in as_completed(futures):
                if failure := _failure(future):
                    failures[futures[future]] = failure
                bar.update()
    finally:
        shutil.rmtree(out / STAGING, ignore_errors=True)
    names = [site.name for site in sites]
    set_aside(out, set(names) - set(failures))
    write_summary(out, names, failures)
    return failures


def _client(scheduler, n_processes):
    dask.config.set({"distributed.scheduler.allowed-failures": RETRIES, **QUIET})
    return _of_cluster(scheduler) if scheduler else _of_this_machine(n_processes)


@contextmanager
def _of_cluster(scheduler):
    """A client of a cluster that is there, which may still wait for its workers."""
    from lib.run import RunError

    try:
        client = Client(scheduler)
    except OSError:
        raise RunError(f"The scheduler at {scheduler} does not answer; start it, or correct the address.") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError:
            print(f"The scheduler at {scheduler} has no workers yet; the sites wait for the first, Ctrl-C ends the wait.", file=sys.stderr)
        yield client


@contextmanager
def _of_this_machine(n_processes):
    """A client with a cluster of its own; all processes end with it."""
    ctrl_c = {signal.SIGINT}
    resource_tracker.ensure_running()  # begun later, it would let Ctrl-C through again
    with ExitStack() as stack:
        # Ctrl-C is for this thread alone, and waits while it begins or ends the cluster, whose threads and processes never hear of it
        stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, signal.pthread_sigmask(signal.SIG_BLOCK, ctrl_c))
        cluster = stack.enter_context(LocalCluster(n_workers=max(1, n_processes), threads_per_worker=1, memory_limit=None, processes=True, dashboard_address=":0", silence_logs=50))
        client = stack.enter_context(Client(cluster))
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ctrl_c)
            yield client
        except BaseException:
            _end(cluster)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, ctrl_c)


def _end(cluster):
    """End a cluster's workers at once, and wait until their kernels are gone, which end with them: nothing that still runs is wanted."""
    family = []
    for nanny in cluster.workers.values():
        nanny.close_gracefully()  # it would begin another worker
        with suppress(psutil.NoSuchProcess):  # lost a moment ago
            if nanny.pid:
                worker = psutil.Process(nanny.pid)
                family += worker.children(recursive=True)
                worker.kill()
    for process in psutil.wait_procs(family, timeout=PATIENCE_S)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _failure(future):
    """Why a site failed, in one sentence; empty for success."""
    error = future.exception()
    if error is None:
        return ""
    if isinstance(error, KilledWorker):
        return f"its worker was lost {RETRIES + 1} times."
    return " ".join(str(error).strip().splitlines()[:2])  # a refused cohort names its first problem on the second line


def run_site(site, jobs, out, shelter, timeout_s, print_files=False, allow=(), whole=True):
    """Execute the chapters of one site; its folder changes only when all have succeeded.

    Where the worker can, its kernels are forked from a Python that has imported the libraries (`lib.preheated`).

    Parameters
    ----------
    site : pathlib.Path
        The cohort's folder.
    jobs : list of (pathlib.Path, dict)
        Each chapter's file and changed parameters, those that read the others last.
    out : pathlib.Path
    shelter : pathlib.Path
        Where the run's unfinished files lie; once it is gone, so is the run, and nothing more is written.
    timeout_s : float
    print_files : bool
    allow : sequence of str
    whole : bool

    Returns
    -------
    str
        The site's name.

    Raises
    ------
    lib.run.RunError, lib.execute.ChapterError
        When the cohort may not be analysed, as a run of it alone would say, or a chapter fails.
    """
    from lib.run import admit, begin_products, own_cohort, publish  # the runner calls this module

    # the server outlives the site, so it begins before temporary files go into the site's folder
    if is_possible() and not is_serving():
        begin_server(fixed_environment(), [*PRELOADED, *LOADED_LATE, *_modules_of(path for path, _ in jobs)])
    folder, staging = out / site.name, shelter / site.name
    shutil.rmtree(staging, ignore_errors=True)  # of a worker that was lost
    staging.mkdir(mode=0o700)
    try:
        earlier = folder if folder.is_dir() else out / EARLIER / site.name
        begin_products(staging, None if whole else earlier)
        for path, _ in jobs:
            leave_out(staging, path.stem)
        set_environment(staging)
        os.environ["STUDY_AT_ONCE"] = "1"  # each core has a site of its own; forks for print files would only cost
        os.environ.pop("STUDY_NO_PRINT_FILES", None)  # a cluster's worker may have executed sites of another run
        if not print_files:
            os.environ["STUDY_NO_PRINT_FILES"] = "1"
        checked = staging / ".checked"
        own = own_cohort({"cohort": str(site)})
        execute_in_turn(
            [(path, staging / "notebooks" / f"{path.stem}.ipynb", {**parameters, "cohort": str(site)}) for path, parameters in jobs],
            timeout_s,
            environment={ADMITTED: str(site), CHECKED: str(checked)} if own else {},
            first=lambda: own and hand_over(admit(site, folder, allow), checked),
        )
        publish(staging, folder, PRODUCTS)
        if {path.name for path in folder.iterdir()} <= set(PRODUCTS):
            (folder / MADE).touch()
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return site.name


def _modules_of(chapters):
    """Names of our modules that chapters import, directly or by way of others; each kernel would take a moment to load them."""
    files = {file.relative_to(ROOT) for chapter in chapters for file in reached_from(chapter)}
    return sorted(".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files)


def set_aside(out, complete):
    """Move results of sites that are not complete below `EARLIER`, and remove there what has been made anew."""
    for site in complete:
        if (out / EARLIER / site / MADE).is_file():
            shutil.rmtree(out / EARLIER / site)
    for marker in sorted(out.glob(f"*/{MADE}")):
        if (folder := marker.parent).name not in complete:
            (out / EARLIER).mkdir(exist_ok=True)
            shutil.rmtree(out / EARLIER / folder.name, ignore_errors=True)
            os.replace(folder, out / EARLIER / folder.name)
    with suppress(OSError):  # not there, or in use
        (out / EARLIER).rmdir()


def earlier_results(out, failures):
    """Site to the folder, seen from the output folder, that holds results which are not of the last run."""
    moved = sorted(marker.parent.name for marker in (out / EARLIER).glob(f"*/{MADE}"))
    return {site: site for site in sorted(failures) if (out / site).is_dir()} | {site: f"{EARLIER}/{site}" for site in moved}


def write_summary(out, sites, failures):
    """Write ``summary.csv`` and ``summary.html``: one row a site, a failed one with its reason, then those of which only earlier results are there."""
    earlier = earlier_results(out, failures)
    rows = {site: summary_row(out, site, failures.get(site, "")) for site in sites}
    rows |= {site: summary_row(out, site, "not in this run") for site in earlier if site not in rows}
    table = pd.DataFrame([{**row, "Earlier results, not of this run": earlier.get(site, "–")} for site, row in rows.items()])
    write_csv(table, out / "summary.csv")
    (out / "summary.html").write_text(_page(table, len(sites), len(failures)), encoding="utf-8")


def summary_row(out, site, failure):
    """What one site found, in the words of the chapters."""
    found = {}
    if not failure:
        for path in sorted((out / site / "results").glob("*.json")):
            entries = json.loads(path.read_text("utf-8"))["quantities"]
            found |= {name: entry["value"] for name, entry in entries.items()}
    n = found.get("cohort.n")
    median = found.get("os_treatment.median")
    limits = interval(found.get("os_treatment.lower"), found.get("os_treatment.upper"))

    def share(quantity):
        return percent(found[quantity], n) if n and found.get(quantity) is not None else "–"

    return {
        "Site": site,
        "Patients": "–" if n is None else str(n),
        "Median survival from first treatment, months (interval)": f"{months(median)} ({limits})" if "os_treatment.median" in found else "–",
        "Responded, mRECIST": share("mrecist.total.orr.count"),
        "Laboratory toxicity of grade 3": share("lab_toxicity.grade_3.count"),
        "Run": failure or "complete",
    }


def _page(table, n_sites, n_failed):
    title = f"{n_sites} sites, {n_failed} not complete" if n_failed else f"{n_sites} sites, all complete"
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in _cells(row)) + "</tr>" for row in table.to_numpy().tolist())
    style = "body{font:1rem/1.5 sans-serif;margin:2rem}td,th{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #777}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{style}</style></head>\n<body><main>\n<h1>{title}</h1>\n"
        "<p><strong>Contains patient data.</strong> Keep this page where the data may be kept.</p>\n"
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</main></body>\n</html>\n"
    )


def _cells(row):
    """The cells of a site as HTML: its name leads to its executed chapters, and so do earlier results to theirs."""
    site, *found, run, earlier = row
    return [_link(site, site) if run == "complete" else escape(site), *map(escape, found), escape(run), escape(earlier) if earlier == "–" else _link(earlier, earlier)]


def _link(text, folder):
    return f'<a href="{escape(quote(folder))}/notebooks/">{escape(text)}</a>'
