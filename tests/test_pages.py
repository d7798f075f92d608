"""The pages in a real browser, from the disk: whole, silent, reachable by keyboard, on a phone and in the dark."""

import json
import os
import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None and not os.environ.get("CI"):
    pytest.skip("needs Chromium (on Debian: apt-get install chromium)", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.py"))
REFERENCE = sorted(path.stem for path in (ROOT / "lib" / "book").glob("*.md"))
PAGES = ["index", *CHAPTERS, "dashboard", *REFERENCE, "search"]
each_page = pytest.mark.parametrize("name", PAGES)
PHONE, DESK = {"width": 320, "height": 640}, {"width": 1280, "height": 900}
MOST_BYTES_A_CHAPTER = 1_500_000


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, study_run):
    """A function that opens a page and returns it; ``page.faults`` gathers errors and requests that leave the disk."""
    contexts = []

    def open_one(name, viewport=DESK, scheme="light"):
        context = browser.new_context(viewport=viewport, color_scheme=scheme, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.faults = []
        page.on("console", lambda message: page.faults.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("requestfailed", lambda request: page.faults.append(f"failed: {request.url}"))
        page.on("request", lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else page.faults.append(f"outside: {request.url}"))
        page.goto((study_run.out / "html" / f"{name}.html").as_uri(), wait_until="load")
        return page

    yield open_one
    for context in contexts:
        context.close()


def test_every_page_that_is_made_is_tested(study_run):
    assert sorted(path.stem for path in (study_run.out / "html").glob("*.html")) == sorted(PAGES)


@each_page
def test_a_page_loads_without_error_missing_picture_or_outside_request(open_page, name):
    page = open_page(name)
    missing = page.eval_on_selector_all("img", "pictures => pictures.filter(one => !one.complete || !one.naturalWidth).map(one => one.src)")
    assert (page.faults, missing) == ([], [])


@each_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(open_page, name, scheme):
    page = open_page(name, scheme=scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    # every rule meets every element; only what passes is not described, an element at a time, which took as long as the rules
    found = Axe().run(page, options={"preload": False, "resultTypes": ["violations"]}).response
    assert len(found["passes"]) > 20  # it did look
    assert [(fault["id"], [node["html"][:200] for node in fault["nodes"]]) for fault in found["violations"]] == []


@each_page
def test_on_a_phone_nothing_but_tables_scrolls_sideways(open_page, name):
    page = open_page(name, PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    # what scrolls must be reached by keyboard: the rule that a narrow page can break and a wide one cannot
    options = {"preload": False, "runOnly": ["scrollable-region-focusable", "meta-viewport", "target-size"]}
    assert Axe().run(page, options=options).response["violations"] == []


@each_page
def test_every_page_says_that_the_patients_are_invented(open_page, name):
    assert "patients are invented" in open_page(name).inner_text(".bd-header-announcement")


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_and_its_pictures_are_light(study_run, name):
    page = study_run.out / "html" / f"{name}.html"
    pictures = set(re.findall(r'<img[^>]* src="([^"]+)"', page.read_text("utf-8")))
    assert page.stat().st_size + sum((page.parent / picture).stat().st_size for picture in pictures) < MOST_BYTES_A_CHAPTER


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_picture_of_a_chapter_has_its_alternative_text(open_page, name):
    texts = open_page(name).eval_on_selector_all(".cell_output img", "pictures => pictures.map(one => one.alt)")
    assert texts and all(len(text) > 20 for text in texts)


@pytest.mark.parametrize("name", CHAPTERS)
def test_code_is_folded_and_one_click_away(open_page, name):
    page = open_page(name)
    assert not page.locator(".cell_input pre").first.is_visible()
    page.locator("details.hide > summary").first.click()
    assert page.locator(".cell_input pre").first.is_visible()


@each_page
def test_links_lead_somewhere(study_run, name):
    folder = study_run.out / "html"
    for href in set(re.findall(r'href="([^"]+)"', (folder / f"{name}.html").read_text("utf-8"))):
        target, _, anchor = href.partition("#")
        if re.match(r"https?:|mailto:", target):
            continue
        path = folder / (target.partition("?")[0] or f"{name}.html")
        assert path.is_file(), href
        if anchor and path.suffix == ".html":
            assert f'id="{anchor}"' in path.read_text("utf-8"), href


def test_search_finds_a_word_from_the_disk(open_page):
    page = open_page("search")
    page.goto(f"{page.url}?q=landmark")
    page.wait_for_selector("#search-results li a")
    assert any("04_survival" in href for href in page.eval_on_selector_all("#search-results li a", "links => links.map(one => one.href)"))
    assert page.faults == []


def test_next_and_previous_walk_through_the_chapters(open_page):
    page = open_page("index")
    for name in CHAPTERS:
        page.locator(".prev-next-footer a.right-next, .prev-next-area a.right-next").first.click()
        page.wait_for_load_state()
        assert page.url.endswith(f"{name}.html")


@pytest.fixture
def served(study_run):
    """The pages' address on a server of this machine: from the disk a browser shows a picture where it would save it."""
    handler = partial(SilentHandler, directory=study_run.out / "html")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_figures_tables_and_notebooks_download(open_page, served):
    page = open_page("04_survival")
    page.goto(f"{served}/04_survival.html")
    for selector, signature in {
        '.downloads a[href$=".png"]': b"\x89PNG", '.downloads a[href$=".svg"]': b"<?xml", '.downloads a[href$=".pdf"]': b"%PDF",
        '.downloads a[href$=".docx"]': b"PK", '.downloads a[href$=".csv"]': b"", '.chapter-downloads a[href$=".ipynb"]': b"{",
        '.chapter-downloads a[href$=".py"]': b"# ---",
    }.items():  # fmt: skip
        with page.expect_download() as download:
            page.locator(selector).first.click()
        data = download.value.path().read_bytes()
        assert data.startswith(signature) and len(data) > 20, selector


def test_the_word_report_downloads(open_page, served):
    page = open_page("index")
    page.goto(f"{served}/index.html")
    with page.expect_download() as download:
        page.locator('a[href="report.docx"]').click()
    assert download.value.path().read_bytes().startswith(b"PK")


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapters_notebook_reads_without_scripts_and_styles(study_run, name):
    """What GitHub shows: tables keep their header cells, pictures their texts, and nothing waits for a script."""
    for cell in json.loads((study_run.out / "notebooks" / f"{name}.ipynb").read_text("utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert set(data) <= {"text/markdown", "text/html", "image/png", "text/plain"}
            if "image/png" in data:
                assert len(output["metadata"]["image/png"]["alt"]) > 20
            if "text/html" in data:
                html = "".join(data["text/html"])
                assert "<script" not in html and " style=" not in html
                assert ('<th class="gt_col_heading' in html or '<details class="open-ranges">' in html) and 'scope="col"' in html


def test_a_mention_of_a_figure_leads_to_it(open_page):
    page = open_page("04_survival")
    assert page.locator("#figure-4-1").count() == 1


@pytest.mark.parametrize("name", CHAPTERS)
def test_on_a_desk_tables_show_their_columns(open_page, name):
    """What a table hides at the right a reader may never look for: at most a tenth of the tables, and a little of each."""
    page = open_page(name)
    hidden = "all => all.map(each => each.scrollWidth - each.clientWidth)"
    beyond = page.eval_on_selector_all('.cell_output [role="region"]', hidden)
    assert max(beyond) <= 100 and sum(each > 0 for each in beyond) <= max(1, len(beyond) / 10)


def test_a_picture_opens_alone_to_be_enlarged(open_page):
    page = open_page("04_survival", PHONE)
    shown = page.locator(".cell_output a.image-reference img")
    assert shown.count() == page.locator(".cell_output img").count() > 5
    source = shown.first.get_attribute("src")
    shown.first.click()
    page.wait_for_url(f"**/{source}")


def test_the_front_page_holds_the_counts_that_the_run_ends_with(open_page, study_run):
    said = re.search(r"^(\d+) of (\d+) published figures reproduced, (\d+) differ, (\d+) are protocol .* (\d+) not derivable", study_run.said, flags=re.M)
    page = open_page("index")
    tiles = dict(reversed(tile.split(maxsplit=1)) for tile in page.locator(".dashboard .tile").all_inner_texts())
    assert [tiles[what] for what in ("reproduced", "differ", "protocol figures kept", "not derivable")] == list(said.group(1, 3, 4, 5))
    assert said[2] in page.inner_text("#verdicts") and int(tiles["contradictions and oddities in the paper itself"]) > 0


def test_question_findings_invention_picture_and_verdicts_stand_on_one_screen(open_page):
    page = open_page("index")
    for name in ("#asked", "#found", "#invented", ".front-picture img", ".dashboard"):
        box = page.locator(name).bounding_box()
        assert box["y"] + box["height"] <= DESK["height"], name


def test_each_line_of_the_dashboard_leads_to_a_cell_and_opens_its_code(open_page):
    page = open_page("dashboard")
    lines = page.locator(".ledger tbody tr")
    assert lines.count() == page.locator(".ledger tbody a").count() > 100
    page.locator(".ledger tbody a").first.click()
    page.wait_for_selector(".cell-anchors:has(:target) + .cell .cell_input pre", state="visible")
    assert page.faults == []


@each_page
def test_on_paper_nothing_is_cut_and_code_stays_away(open_page, name):
    """A4 less its margins is 178 mm, 673 CSS pixels."""
    page = open_page(name, {"width": 673, "height": 1000})
    page.evaluate("document.querySelectorAll('details.hide').forEach(each => each.open = true)")
    page.emulate_media(media="print")
    wide = "all => all.filter(each => each.getBoundingClientRect().right > innerWidth + 1).map(each => each.outerHTML.slice(0, 80))"
    assert page.eval_on_selector_all("main table, main img, main math", wide) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 673
    assert not any(each.is_visible() for each in page.locator(".cell_input pre, .bd-sidebar-primary, .prev-next-footer").all())
    assert "patients are invented" in page.inner_text(".bd-header-announcement")
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_the_keyboard_reaches_the_text_first(open_page):
    page = open_page("04_survival")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to main content"


def test_pages_hold_no_path_and_no_clock(study_run):
    for path in (study_run.out / "html").rglob("*.html"):
        text = path.read_text("utf-8")
        assert str(study_run.out) not in text and str(Path.home()) + "/" not in text
        assert not re.search(r"Last updated|\b20\d\d-\d\d-\d\dT\d\d", text)
