"""What a check is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One verified promise.

    Attributes:
        name: ``tensors``, ``shapes``, ``identity`` …: what an error message names.
        passed: Whether it held.
        detail: What was compared and found.
    """

    name: str
    passed: bool
    detail: str
