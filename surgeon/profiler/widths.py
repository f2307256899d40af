"""How wide the types are that a network is measured in. Torch-free."""

from __future__ import annotations

ITEM_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
"""Bytes of one value."""


def bytes_in(dtype: str, float32_bytes: int) -> int:
    """Bytes in another type of what was counted in float32.

    Counting passes run in float32 whatever the network's type is; this takes the place of a second pass. What is made
    of whole numbers (the indices of max pooling, of top-k) is as wide in every type, so a narrow type's figure is a
    little low where there is much of that.

    Args:
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        float32_bytes: As counted.
    """
    return float32_bytes * ITEM_BYTES[dtype] // ITEM_BYTES["float32"]
