"""A Sphinx extension for markup that needs no script and that a screen reader understands.

Formulas are written as MathML, which every current browser shows by itself: no script, no font, no request.
"""

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml


def setup(app):
    """Register the renderer chosen by ``html_math_renderer = "mathml"``, and mend the roles of references."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    app.connect("html-page-context", _mend_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer, node):
    writer.body.append(tex2mathml(node.astext()))
    raise SkipNode


def _block(writer, node):
    # a formula wider than a phone scrolls in its own box, which the keyboard must reach
    attributes = {"CLASS": "math", "ids": node.get("ids", []), "role": "group", "aria-label": "Formula", "tabindex": "0"}
    writer.body.append(f"{writer.starttag(node, 'div', **attributes)}{tex2mathml(node.astext(), as_block=True)}</div>\n")
    raise SkipNode


def _mend_roles(app, pagename, templatename, context, doctree):
    """The role docutils gives an entry of a bibliography is deprecated, and not allowed in the list around it."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
