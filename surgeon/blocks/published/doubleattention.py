"""DoubleAttention: the published classes that hold these weights."""

from __future__ import annotations

from typing import Any

from surgeon.blocks.published.form import Arguments, Reference, Size

_NAMES = {"c_m": "c_m", "c_n": "c_n"}


def _case(variant: str, *, reconstructs: bool) -> Reference:
    """A published class and what it takes ``reconstruct`` for where it is not given."""

    def settings(arguments: Arguments, _size: Size) -> dict[str, Any]:
        return {"variant": variant, "reconstruct": arguments.get("reconstruct", reconstructs)}

    def output(arguments: Arguments) -> int:
        return int(arguments["in_channels" if arguments.get("reconstruct", reconstructs) else "c_m"])

    return Reference(
        block="doubleattention",
        channels=("in_channels",),
        names=_NAMES,
        settings=settings,
        output=output,
        others=("reconstruct",),
    )


CASES: dict[str, Reference] = {
    "doubleattention.nguyenvo09": _case("nguyenvo09", reconstructs=False),
    "doubleattention.batchsoftmax": _case("batchsoftmax", reconstructs=True),
}
