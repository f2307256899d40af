"""What a notebook shows of a result: plain text, HTML, Markdown and LaTeX in one bundle.

The result types know nothing of this; the public API attaches `mimebundle` as their ``_repr_mimebundle_``.
"""

from __future__ import annotations

from surgeon.report.documents import Reportable, document_of
from surgeon.report.formats.fragment import to_html
from surgeon.report.formats.latex import to_latex
from surgeon.report.formats.markdown import to_markdown


def mimebundle(result: Reportable) -> dict[str, str]:
    """The representations of a result by MIME type, all of the same document.

    Args:
        result: A profile, a comparison, an edit report, a graph or a block.
    """
    from surgeon.report.formats.console import to_text

    document = document_of(result)
    return {
        "text/plain": to_text(document),
        "text/html": to_html(document),
        "text/markdown": to_markdown(document),
        "text/latex": to_latex(document),
    }
