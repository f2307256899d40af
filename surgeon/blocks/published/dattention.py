"""DAttention: the published class that holds these weights."""

from __future__ import annotations

from typing import Any

from surgeon.blocks.published.form import Arguments, Reference, Size

_SAME = (
    "n_heads",
    "n_groups",
    "offset_range_factor",
    "use_pe",
    "dwc_pe",
    "no_off",
    "fixed_pe",
    "ksize",
)


def _settings(arguments: Arguments, _size: Size) -> dict[str, Any]:
    """The table's size is the class's map size; the depthwise term goes before the network there."""
    log = bool(arguments.get("log_cpb")) and not arguments.get("dwc_pe", True)
    return {"log_cpb": log} | ({"table": arguments["q_size"]} if "q_size" in arguments else {})


CASES: dict[str, Reference] = {
    "dat.official": Reference(
        block="dattention",
        channels=(),
        names={**{name: name for name in _SAME}, "stride": "kv_stride"},
        settings=_settings,
        others=("q_size", "kv_size", "n_head_channels", "attn_drop", "proj_drop", "log_cpb"),
    ),
}
