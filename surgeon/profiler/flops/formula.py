"""What a formula is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Formula = Callable[[Any, tuple[Any, ...], Mapping[str, Any]], int]
"""``formula(output, args, kwargs) -> MACs`` of one call of an operator."""
