"""Sphinx configuration of the web book; ``lib.pages`` copies it beside the executed chapters and calls Sphinx."""

project = "Liver-directed treatment of metastatic leiomyosarcoma"
author = ""
copyright = ""  # noqa: A001 - Sphinx's own name
language = "en"

extensions = ["myst_nb", "sphinxcontrib.bibtex", "lib.book.markup"]
exclude_patterns = ["_templates", "conf.py"]
templates_path = ["_templates"]

# chapters come executed; a page never runs code
nb_execution_mode = "off"
nb_merge_streams = True
nb_number_source_lines = False
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
# plain text from data stays text: outputs are read as CommonMark, without roles and directives
nb_render_markdown_format = "gfm"
nb_ipywidgets_js = {}

myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"
bibtex_reference_style = "author_year"

html_theme = "sphinx_book_theme"
html_sidebars = {"**": ["brand.html", "search-button-field.html", "sbt-sidebar-nav.html"]}
html_static_path = ["_static"]
html_css_files = ["study.css"]
html_js_files = [("study.js", {"defer": "defer"})]
html_extra_path = ["extra"]
html_math_renderer = "mathml"
html_last_updated_fmt = None
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False
# a summary is fetched from the page found, which a browser forbids to pages opened from the disk
html_show_search_summary = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "navbar_persistent": [],  # the side bar has the search
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "show_navbar_depth": 1,
    "home_page_in_toc": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
