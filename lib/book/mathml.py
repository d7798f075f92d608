"""A Sphinx extension that writes formulas as MathML, which every current browser shows by itself.

No script, no font and no request is needed, and a screen reader reads the formula.
"""

from docutils.utils.math.latex2mathml import tex2mathml


def setup(app):
    """Register the renderer; chosen by ``html_math_renderer = "mathml"``."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer, node):
    writer.body.append(tex2mathml(node.astext()))
    _leave(node)


def _block(writer, node):
    attributes = {"CLASS": "math", "ids": node.get("ids", [])}
    writer.body.append(f'{writer.starttag(node, "div", **attributes)}{tex2mathml(node.astext(), as_block=True)}</div>\n')
    _leave(node)


def _leave(node):
    from docutils.nodes import SkipNode

    raise SkipNode
