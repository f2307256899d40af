"""ContextAggregation: the published class that holds these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, renamed

CASES: dict[str, Reference] = {
    "contextagg": Reference(
        block="contextaggregation",
        channels=("in_channels",),
        names={"reduction": "reduction"},
        tensors=renamed({f"{name}.conv": name for name in "akvm"}),
        others=("conv_cfg",),
    ),
}
