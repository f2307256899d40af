"""GE: the published class that holds these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, renamed

CASES: dict[str, Reference] = {
    "ge.timm": Reference(
        block="ge",
        channels=("channels",),
        names={
            "extent": "extent",
            "extra_params": "extra_params",
            "use_mlp": "use_mlp",
            "add_maxpool": "add_maxpool",
            "rd_ratio": "rd_ratio",
            "rd_channels": "rd_channels",
            "rd_divisor": "rd_divisor",
        },
        tensors=renamed(
            {
                "mlp.fc1": "fc1",
                "mlp.fc2": "fc2",
                **{f"gather.conv{index + 1}": f"convs.{index}" for index in range(8)},
                **{f"gather.norm{index + 1}": f"norms.{index}" for index in range(8)},
            }
        ),
        others=("feat_size",),
    ),
}
