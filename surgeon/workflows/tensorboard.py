"""What TensorBoard reads: figures as scalars, the report as text, a trace for its profiler plugin."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from surgeon.errors import MissingDependencyError, OutputError
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.profiler.trace.chrome import write_chrome
from surgeon.profiler.trace.data import Trace
from surgeon.profiler.trace.files import CHROME
from surgeon.report.comparison import candidate_labels
from surgeon.report.documents import document_of
from surgeon.report.formats.markdown import to_markdown
from surgeon.report.scalars import candidate_scalars, profile_scalars, row_scalars

PLUGIN = Path("plugins") / "profile"
"""Folder of the profiler plugin's traces."""

REPORT = "surgeon/report"


def require_tensorboard(folder: Path) -> None:
    """Refuse before anything is measured.

    Raises:
        MissingDependencyError: TensorBoard is not installed.
        OutputError: The folder is a file.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise MissingDependencyError(
            'writing for TensorBoard needs tensorboard, not installed here: pip install "yolo-surgeon[tensorboard]"'
        )
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"--tensorboard {folder} is a file; give a folder")


def to_tensorboard(folder: Path, result: ProfileResult | Comparison, *, trace: Trace | None = None) -> list[Path]:
    """Write a result where ``tensorboard --logdir FOLDER`` lists it.

    Every network is a run of its own, named after it, so that TensorBoard draws them together; a name that is taken
    gets the next free number.

    Args:
        folder: The log folder; made where it does not exist.
        result: What was measured.
        trace: A trace of the network, for the profiler plugin.

    Returns:
        The folders and files written.

    Raises:
        MissingDependencyError: TensorBoard is not installed.
        OutputError: The folder cannot be written to.
    """
    require_tensorboard(folder)
    report = to_markdown(document_of(result))
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".surgeon-", dir=_beside(folder)) as box:
            for name, network, scalars in _networks(result):
                run = _free(folder, _safe(name))
                made = Path(box) / run
                _write(made, network, scalars, report)
                written.append(Path(shutil.move(made, folder / run)))
                if trace is not None and network is trace.profile:
                    written.append(_move_trace(trace, Path(box), folder / PLUGIN / run))
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}; choose another folder") from error
    return written


def _networks(result: ProfileResult | Comparison) -> Iterator[tuple[str, ProfileResult, dict[str, float]]]:
    if isinstance(result, ProfileResult):
        yield result.name, result, profile_scalars(result)
        return
    for place, name in enumerate(candidate_labels(result.results)):
        network = result.results[place]
        yield name, network, candidate_scalars(result, place) if place else profile_scalars(network)


def _write(run: Path, network: ProfileResult, scalars: Mapping[str, float], report: str) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(run)) as writer:
        for name, value in scalars.items():
            writer.add_scalar(name, value, 0)
        for name, values in row_scalars(network).items():
            for row, value in values.items():
                writer.add_scalar(name, value, row)
        writer.add_text(REPORT, report, 0)


def _beside(folder: Path) -> Path:
    """Where to write first: a TensorBoard that watches the folder sees what is whole only."""
    parent = folder.resolve().parent
    is_usable = os.access(parent, os.W_OK) and parent.stat().st_dev == folder.stat().st_dev
    return parent if is_usable else folder


def _move_trace(trace: Trace, box: Path, run: Path) -> Path:
    name = f"{_safe(platform.node() or 'host')}{CHROME}"
    write_chrome(trace, box / name)
    run.mkdir(parents=True, exist_ok=True)
    return (box / name).replace(run / name)


def _free(folder: Path, name: str) -> str:
    taken, number = name, 2
    while (folder / taken).exists() or (folder / PLUGIN / taken).exists():
        taken, number = f"{name}-{number}", number + 1
    return taken


def _safe(name: str) -> str:
    """A folder's name."""
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "network"
