"""A result as one HTML page: the network drawn by strides, its figures by row, how they were measured.

``result -> drawing (network, places, routes: numbers only) -> SVG and tables -> page``. One file that asks no host for
anything; every figure is the text that the terminal shows. Nothing here measures.
"""

from __future__ import annotations

from surgeon.report.page.page import to_page

__all__ = ["to_page"]
