"""An executed chapter put into the form that equal runs share byte for byte, and written."""

import re
from pathlib import Path

import nbformat

#: Object addresses, which differ from run to run: "<Axes at 0x7f3c...>".
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")

#: Written beside a richer form of the same output, this one only repeats the object's name.
_RICHER_THAN_PLAIN_TEXT = ("text/html", "text/markdown", "text/latex", "image/png", "image/svg+xml")


def normalise(notebook):
    """A copy of an executed notebook that holds only what two equal runs share.

    Timings, papermill's notes, cell ids drawn at random, the Python version, object addresses and plain-text
    doubles of richer outputs are dropped; neighbouring pieces of one stream are joined.
    """
    tidy = nbformat.from_dict({**notebook, "metadata": _notebook_metadata(notebook.metadata), "cells": []})
    for number, cell in enumerate(notebook.cells, start=1):
        cell = nbformat.from_dict({**cell, "id": f"cell-{number:03d}"})
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs = _joined_streams([_tidy_output(output) for output in cell.outputs])
        tidy.cells.append(cell)
    return tidy


def _notebook_metadata(metadata):
    kept = {key: metadata[key] for key in ("kernelspec", "jupytext") if key in metadata}
    language = {key: value for key, value in metadata.get("language_info", {}).items() if key != "version"}
    return {**kept, "language_info": language} if language else kept


def _tidy_output(output):
    output = nbformat.from_dict(output)
    if "data" in output:
        if any(form in output.data for form in _RICHER_THAN_PLAIN_TEXT):
            output.data.pop("text/plain", None)
        output.data = nbformat.from_dict({form: _without_addresses(value) for form, value in output.data.items()})
    if output.output_type == "stream":
        output.text = _without_addresses(output.text)
    return output


def _without_addresses(value):
    # asked first, as most of what is shown are pictures, long and without a blank
    return _ADDRESS.sub("at 0x0", value) if isinstance(value, str) and "at 0x" in value else value


def _joined_streams(outputs):
    joined = []
    for output in outputs:
        if output.output_type == "stream" and joined and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def write_notebook(notebook, path):
    """Write a notebook whole: into a file beside the target, which then takes the target's place."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    beside.replace(path)
