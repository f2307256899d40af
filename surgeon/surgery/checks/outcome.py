"""What a check is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One verified promise.

    Attributes:
        name: ``tensors``, ``shapes``, ``identity`` …: what an error message names.
        passed: Whether it held; of a check that was not run, whether that is no fault of the edit.
        detail: What was compared and found.
        ran: Whether there was anything to compare: what the unedited network cannot do either is not checked.
    """

    name: str
    passed: bool
    detail: str
    ran: bool = True
