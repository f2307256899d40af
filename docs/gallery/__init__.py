"""Writes docs/blocks.md, a page and a drawing a block: a tool of this repository, no part of the installed package.

    python -m docs.gallery

Every fact has one origin: the catalog (formula, costs, constraints, sources), the networks that Ultralytics ships (the
widths) and the plain form of benchmarks/plain (the drawings). A page is never edited by hand.
"""
