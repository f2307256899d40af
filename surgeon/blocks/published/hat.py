"""HAT: the published classes that hold these weights."""

from __future__ import annotations

from typing import Any

from surgeon.blocks.published.form import Arguments, Reference, Size

_CAB = {"compress_ratio": "compress_ratio", "squeeze_factor": "squeeze_factor"}
_HAB = {"num_heads": "num_heads", "conv_scale": "conv_scale", "mlp_ratio": "mlp_ratio", **_CAB}


def _window(arguments: Arguments, _size: Size) -> dict[str, Any]:
    """The published block takes a window as large as a smaller training size, and no shift then."""
    window, shift = arguments.get("window_size", 7), arguments.get("shift_size", 0)
    trained = min(arguments.get("input_resolution", (window + 1,)))
    return (
        {"window_size": window, "shift_size": shift} if trained > window else {"window_size": trained, "shift_size": 0}
    )


_HAB_REFERENCE = Reference(
    block="hab",
    channels=("dim",),
    names=_HAB,
    settings=_window,
    others=("window_size", "shift_size", "input_resolution"),
)

CASES: dict[str, Reference] = {
    "hat.hab": _HAB_REFERENCE,
    "hat.hab_any": _HAB_REFERENCE,
    "hat.ocab": Reference(
        block="ocab",
        channels=("dim",),
        names={
            "num_heads": "num_heads",
            "window_size": "window_size",
            "overlap_ratio": "overlap_ratio",
            "mlp_ratio": "mlp_ratio",
        },
        others=("input_resolution",),
    ),
    "hat.cab": Reference(block="cab", channels=("num_feat",), names=_CAB),
}
