"""What a saved figure or table says of its patients: the words travel with the file, away from the page that explains them."""

from __future__ import annotations

import io
from contextlib import contextmanager

INVENTED = "Invented patients: re-run of Krzyston et al. 2020, see README"
OF_ANOTHER_PAPER = "Invented patients (true ones are named so): re-run of another paper, see README"
OWN = "Contains patient data"
_PNG_COMPRESSION = 3  # takes three quarters of the time of the usual 6 and less, for files as large, of large figures an eighth larger
_STRIP_IN = 0.2  # room for one line of small type below the figure


def whose_patients(study, whose: str = "", for_publication: bool = False) -> str:
    """The words that go with every file.

    Parameters
    ----------
    study : Cohort or None
        None for a chapter that reads results of invented cohorts.
    whose : str
        Who the patients are, of a chapter on another paper.
    for_publication : bool
        True where counts of few are suppressed and single patients left out.

    Returns
    -------
    str
        Blank for an own cohort whose results are made for publication.
    """
    if study is None or study.invented:
        return OF_ANOTHER_PAPER if whose else INVENTED
    return "" if for_publication else OWN


def image(fig, kind: str, dpi: int, words: str = "") -> bytes:
    """A figure as bytes without clock or version in them.

    Parameters
    ----------
    fig : matplotlib Figure
        Left as it was.
    kind : str
        "png", "svg" or "pdf".
    dpi : int
    words : str
        Kept in the file's metadata and set in small grey type in a strip added below the figure.

    Returns
    -------
    bytes
    """
    from matplotlib import rc_context

    load_writers()
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None},
                "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}[kind]
    buffer, options = io.BytesIO(), {"pil_kwargs": {"compress_level": _PNG_COMPRESSION}} if kind == "png" else {}
    # else a figure without a layout engine would have one after it is saved
    with rc_context({"figure.constrained_layout.use": False}):
        if not words:
            fig.savefig(buffer, format=kind, dpi=dpi, metadata=metadata, **options)
            return buffer.getvalue()
        name = {"png": "Description", "svg": "Description", "pdf": "Subject"}[kind]
        with _signed(fig, words) as box:
            fig.savefig(buffer, format=kind, dpi=dpi, metadata=metadata | {"Title": words, name: words}, bbox_inches=box, **options)
    return buffer.getvalue()


def load_writers() -> None:
    """Load what writes the formats, and have fonts embedded in PDF without what only setting of new text needs.

    Text of a figure is set: its fonts' tables of ligatures, kerning and formulas would take longer to cut to the glyphs
    used than the rest of the file takes to write.
    """
    import matplotlib.backends.backend_pdf
    import matplotlib.backends.backend_svg  # noqa: F401
    from fontTools.subset import Options

    needless = {"GSUB", "GPOS", "GDEF", "MATH", "kern"}
    Options._drop_tables_default = sorted(needless.union(Options._drop_tables_default))


@contextmanager
def _signed(fig, words: str):
    """The figure with a line below its lower edge, and the box (inches) that holds both."""
    from matplotlib.transforms import Bbox

    width, height = fig.get_size_inches()
    line = fig.text(0.06 / width, -0.5 * _STRIP_IN / height, words, ha="left", va="center", fontsize=6, color="0.45")
    line.set_in_layout(False)
    for legend in fig.legends:  # matplotlib hangs them on the edge of the file, which is now the strip's
        legend.set_bbox_to_anchor(Bbox.unit(), fig.transFigure)
    try:
        yield Bbox([[0, -_STRIP_IN], [width, height]])
    finally:
        line.remove()
        for legend in fig.legends:
            legend.set_bbox_to_anchor(None)
