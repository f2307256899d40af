"""compare, of ONNX files and of networks that are exported first."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from surgeon.errors import InputError, MissingDependencyError
from surgeon.profiler.deployed.figures import DeployedComparison, DeployedModel
from surgeon.profiler.sensible import require_sensible
from surgeon.profiler.settings import ProfileSettings
from surgeon.progress import begin
from surgeon.workflows.measuring import subject_of

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel
    from surgeon.profiler.deployed.measure import Opened

SUFFIX = ".onnx"


def compare_deployed(
    models: Sequence[Path | OpenedModel],
    settings: ProfileSettings,
    *,
    any_size: bool = False,
    announce: Callable[[str], None] = begin,
    command: str | None = None,
) -> DeployedComparison:
    """Time ONNX files and exports of networks in random pairs.

    Args:
        models: Baseline first; paths of ``.onnx`` files, and networks.
        settings: What to measure.
        any_size: Whether size and batch were left open: those of the first file that has fixed ones are taken.
        announce: Told in a few words what begins, for a progress line.
        command: What reproduces it on a command line.

    Raises:
        InputError: A file is no ONNX model of images, or the settings ask for what ONNX Runtime does not do here.
        MissingDependencyError: The packages for ONNX are not installed.
    """
    _require(settings)
    from surgeon.profiler.deployed.measure import compare_sessions, fixed_shape

    files = {at: _opened_file(one, settings) for at, one in enumerate(models) if isinstance(one, Path)}
    if any_size:
        for one in files.values():
            batch, _, height, width = fixed_shape(one.session)
            if height and width:
                settings = replace(settings, imgsz=(height, width), batch=batch or settings.batch)
                break
    opened = []
    for at, model in enumerate(models):
        if isinstance(model, Path):
            opened.append(files[at])
        else:
            announce(f"exporting {model.name}")
            opened.append(_exported(model, settings))
    return compare_sessions(opened, settings, command=command, announce=announce)


def _require(settings: ProfileSettings) -> None:
    require_sensible(settings)
    if settings.device != "cpu" or settings.dtype != "float32":
        asked = settings.device if settings.device != "cpu" else "--half"
        raise InputError(f"ONNX files are timed by ONNX Runtime on the CPU, as they are; leave {asked} out")
    if not settings.latency:
        raise InputError("of ONNX files nothing but time is compared; leave --no-latency out")
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f'ONNX files need {" and ".join(missing)}, not installed here: pip install "yolo-surgeon[onnx]"'
        )


def _opened_file(path: Path, settings: ProfileSettings) -> Opened:
    from surgeon.models.files import sha256
    from surgeon.profiler.deployed.measure import Opened, open_onnx

    if not path.is_file():
        raise InputError(f"{path} does not exist")
    start_s = time.perf_counter()
    session = open_onnx(path, settings.threads, str(path))
    build_s = time.perf_counter() - start_s
    model = DeployedModel(
        name=path.name,
        source=str(path),
        sha256=sha256(path),
        exported=False,
        file_bytes=path.stat().st_size,
        build_s=build_s,
    )
    return Opened(model=model, session=session)


def _exported(model: OpenedModel, settings: ProfileSettings) -> Opened:
    from surgeon.profiler.deployed.measure import Opened, open_onnx
    from surgeon.profiler.inputs import example_images
    from surgeon.profiler.subject import deployed

    subject = subject_of(model, settings)
    assert subject.write_onnx is not None, "every family exports"
    start_s = time.perf_counter()
    network = deployed(subject, settings)
    with tempfile.TemporaryDirectory(prefix="surgeon-compare-") as folder:
        path = Path(folder) / f"{model.name}{SUFFIX}"
        try:
            subject.write_onnx(network, example_images(network, settings), path)
        except Exception as error:
            cause = " ".join(str(error).split())[:160]
            raise InputError(f"{model.name} cannot be exported to ONNX ({cause})") from error
        session = open_onnx(path, settings.threads, model.name)
        size = path.stat().st_size
    found = DeployedModel(
        name=model.name,
        source=model.source,
        sha256=subject.source_sha256,
        exported=True,
        file_bytes=size,
        build_s=time.perf_counter() - start_s,
    )
    return Opened(model=found, session=session)
