"""Telling a block that fits one image size only from one that fits none."""

from __future__ import annotations

from surgeon.surgery.checks.passes import Passes, Size, first_line, size_text

_USUAL = tuple((side, side) for side in (640, 320, 224, 256, 416, 512))
"""Image sizes ``(H, W)`` that tables of fixed size are made for."""


def why_it_cannot_run(passes: Passes, failed: Size, error: Exception) -> str:
    """What to say of an edited network that raises at an image size.

    Args:
        passes: The networks.
        failed: The size at which it raised.
        error: What it raised.
    """
    what = f"the edited network cannot run at {size_text([failed])}: {first_line(error)}"
    works = _size_that_works(passes, failed)
    if works is None:
        return what
    edits = " and ".join(map(str, passes.plan.recipe.edits))
    return (
        f"{edits}: the block runs at {size_text([works])} and fails at {size_text([failed])} ({first_line(error)}); a "
        "block made for a single size fits no site, for Ultralytics probes strides at 256x256 and validates at "
        "rectangular sizes: let it take its size from its input, as mhsa does"
    )


def _size_that_works(passes: Passes, failed: Size) -> Size | None:
    stride = passes.before.max_stride
    for size in dict.fromkeys([*passes.sizes, *_USUAL]):
        if size == failed or size[0] % stride or size[1] % stride:
            continue
        try:
            passes.new(size)
        except Exception:  # a user's own block raises what it likes
            continue
        return size
    return None
