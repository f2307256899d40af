"""The activation of Ultralytics' ``Conv``, which a description that names another one changes for the whole process.

Internals used: ``Conv.default_act`` (8.0.0). Under releases before 8.4.164, which leave it changed, every network
that is built afterwards would have the activation of the last description that named one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def default_activation_kept() -> Iterator[None]:
    """Put the default activation back when the block ends."""
    from ultralytics.nn.modules import Conv

    before = Conv.default_act
    try:
        yield
    finally:
        Conv.default_act = before
