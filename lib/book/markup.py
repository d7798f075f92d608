"""A Sphinx extension for markup that needs no script and that a screen reader understands.

Formulas are written as MathML, which every current browser shows by itself: no script, no font, no request.
"""

import re

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from pygments.lexers import find_lexer_class_by_name
from sphinx.search.en import SearchEnglish

#: The language that notebooks name for their code.
CODE = "ipython3"

#: Figures, and the headings above them, as `lib.tables` writes them; words that may break are marked there.
_CELL = re.compile(r'(<td class="gt_row gt_right">|<td class="gt_row gt_(?:left|right wraps)">(?=[<>\d.-]+ \([^)]*\)<)|<th class="gt_col_heading[^>]*>)([^<]+)(</t[dh]>)')

_TABLE = re.compile(r'(<div id="t\w+" role="region")(.*?</table>)', re.S)
_LONG_TEXT = re.compile(r'<td class="gt_row gt_left">(?=[^<]{26,})')
_NOTE = re.compile(r'(<td class="gt_sourcenote"[^>]*>)(.*?)(</td>)', re.S)
_ROW_NAME = re.compile(r'<th scope="row" class="[^"]*gt_stub[^"]*">([^<]*)<')


_stems = {}


class Search(SearchEnglish):
    """Sphinx's own index of English words, which would look for the stem of a word each time that it occurs."""

    def stem(self, word):
        if word not in _stems:
            _stems[word] = super().stem(word)
        return _stems[word]


def setup(app):
    """Register the renderer chosen by ``html_math_renderer = "mathml"``, and what is mended in each page's text."""
    app.add_lexer(CODE, find_lexer_class_by_name(CODE))  # Sphinx would look for it among all packages, for each cell
    app.add_search_language(Search)
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    app.connect("html-page-context", _mend_body)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer, node):
    writer.body.append(tex2mathml(node.astext()))
    raise SkipNode


def _block(writer, node):
    # a formula wider than a phone scrolls in its own box, which the keyboard must reach
    attributes = {"CLASS": "math", "ids": node.get("ids", []), "role": "group", "aria-label": "Formula", "tabindex": "0"}
    writer.body.append(f"{writer.starttag(node, 'div', **attributes)}{tex2mathml(node.astext(), as_block=True)}</div>\n")
    raise SkipNode


def _mend_body(app, pagename, templatename, context, doctree):
    if "body" in context:
        body = context["body"]
        # deprecated, and not allowed in the list around it
        body = body.replace('role="doc-biblioentry"', 'role="listitem"')
        # the fold's own words name it
        body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
        body = _NOTE.sub(r'\1<div class="note">\2</div>\3', body)
        body = _LONG_TEXT.sub('<td class="gt_row gt_left long">', body)
        context["body"] = _TABLE.sub(_with_room_for_names, _CELL.sub(_unbroken, body))


def _with_room_for_names(table):
    """The first column is as wide as its longest name, up to a width at which names break into lines."""
    longest = max((len(name) for name in _ROW_NAME.findall(table[2])), default=0)
    return f'{table[1]} style="--names: {min(longest, 15)}ch"{table[2]}'


def _unbroken(cell):
    """Figures of a narrow table break before a parenthesis or the words "not reached", and nowhere else."""
    parts = re.sub(r" (?=\(|not reached)", "</span> <span>", cell[2])
    return f"{cell[1]}<span>{parts}</span>{cell[3]}"
