"""Polarized self-attention: the published classes that hold these weights."""

from __future__ import annotations

from typing import Any

from surgeon.blocks.published.form import Arguments, Reference, Size
from surgeon.errors import BlockError


def _official(variant: str) -> Reference:
    """PSA_p or PSA_s, of which a stride or a kernel size other than 1 never worked."""

    def settings(arguments: Arguments, _size: Size) -> dict[str, Any]:
        for key in ("stride", "kernel_size"):
            if arguments.get(key, 1) != 1:
                raise BlockError(f"polarized.{variant}: {key}={arguments[key]} does not work; its gates need {key}=1.")
        return {"variant": variant}

    return Reference(
        block="polarized", channels=("inplanes", "planes"), settings=settings, others=("kernel_size", "stride")
    )


def _paste(variant: str) -> Reference:
    """The class in circulation."""
    return Reference(block="polarized", channels=("channel",), settings=lambda _arguments, _size: {"variant": variant})


CASES: dict[str, Reference] = {
    **{f"polarized.{variant}": _official(variant) for variant in ("parallel", "sequential")},
    **{f"polarized.{variant}": _paste(variant) for variant in ("paste_parallel", "paste_sequential")},
}
