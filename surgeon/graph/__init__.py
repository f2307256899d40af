"""Networks as plain data: layers, the graph they form, and how a user names a site. No torch here."""

from surgeon.graph.layer import IMAGE, Layer, LayerGraph
from surgeon.graph.selector import Site, resolve
from surgeon.graph.target import NewBlock, PlannedGraft, PlannedRow

__all__ = ["IMAGE", "Layer", "LayerGraph", "NewBlock", "PlannedGraft", "PlannedRow", "Site", "resolve"]
