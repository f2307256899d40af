"""PyTorch's profiler, switched on around a call: its events in Chrome's trace format. Interprets nothing.

Through ``torch.autograd.profiler``, the engine of ``torch.profiler``: the latter imports PyTorch's compiler, which
takes longer than a trace.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch._C._autograd import _supported_activities
from torch._C._profiler import ProfilerActivity
from torch.autograd.profiler import profile


class _Quiet(profile):
    """Kineto writes a line to the process's stderr where it starts and stops, which nothing else keeps it from."""

    def __enter__(self) -> Any:
        with _without_stderr():
            return super().__enter__()  # type: ignore[no-untyped-call]

    def __exit__(self, *error: Any) -> Any:
        with _without_stderr():
            return super().__exit__(*error)  # type: ignore[no-untyped-call]


def profiler_for(device: str) -> profile:
    """A profiler of the host and, where the device is a GPU, of its kernels; a context manager."""
    kind = torch.device(device).type
    return _Quiet(use_device=None if kind == "cpu" else kind, use_kineto=True, record_shapes=True)


def document_of(profiler: profile) -> dict[str, Any]:
    """The document of a profiler that is done, which it only writes to a file."""
    with tempfile.TemporaryDirectory(prefix="surgeon-trace-") as folder:
        path = Path(folder) / "kineto.json"
        profiler.export_chrome_trace(str(path))  # type: ignore[no-untyped-call]
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def recorded(call: Callable[[], None], device: str) -> dict[str, Any]:
    """The document of a call."""
    with profiler_for(device) as profiler:
        call()
    return document_of(profiler)


def why_no_kernels() -> str:
    """What may have kept a GPU's kernels out of a document, as a clause."""
    if ProfilerActivity.CUDA not in _supported_activities():
        return "since this PyTorch was built without CUPTI"
    return (
        "so CUPTI recorded nothing: the driver may keep it to administrators (NVreg_RestrictProfilingToAdminUsers), or "
        "another profiler holds the card"
    )


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
