"""Times ONNX files against each other: the same pairs as of networks, in sessions with equal threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from surgeon.errors import InputError
from surgeon.profiler.deployed.figures import DeployedComparison, DeployedModel
from surgeon.profiler.environment import machine_state, read_environment
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.clock import Clock, clock_for
from surgeon.profiler.timing.paired import judge, run_blocks
from surgeon.profiler.timing.steady import noise_notes, summarise
from surgeon.profiler.variants.fed import Shared
from surgeon.profiler.variants.onnx_session import open_session
from surgeon.progress import begin

_TYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session, and what is known of it."""

    model: DeployedModel
    session: Any


def open_onnx(path: Path, threads: int, name: str) -> Any:
    """A session of an ONNX file that takes one batch of images.

    Args:
        path: The file.
        threads: CPU threads.
        name: What to call it in a refusal.

    Raises:
        InputError: It is no ONNX model, or takes something else.
    """
    try:
        session = open_session(path, threads)
    except Exception as error:  # ONNX Runtime's errors have no public base class
        cause = " ".join(str(error).split())[:160]
        raise InputError(f"{name} is no ONNX model that ONNX Runtime can open ({cause})") from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in _TYPES or len(inputs[0].shape) != 4:
        taken = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs) or "nothing"
        raise InputError(
            f"{name} takes {taken}; what can be timed takes one batch of images (B, C, H, W) in float32 or float16"
        )
    return session


def fixed_shape(session: Any) -> tuple[int | None, ...]:
    """``(B, C, H, W)`` of its images, None where it is open."""
    return tuple(size if isinstance(size, int) else None for size in session.get_inputs()[0].shape)


def compare_sessions(
    opened: Sequence[Opened],
    settings: ProfileSettings,
    *,
    clock: Clock | None = None,
    seed: int = 0,
    command: str | None = None,
    announce: Callable[[str], None] = begin,
) -> DeployedComparison:
    """Time sessions in random pairs.

    Args:
        opened: Baseline first.
        settings: Image size, batch, threads, budget and precision.
        clock: Default the CPU's.
        seed: Of the order of the runs.
        command: What reproduces it.
        announce: Told in a few words what begins.

    Raises:
        InputError: A network takes images of another size.
    """
    images = _images(opened, settings)
    modules = [Shared(_runner(one.session)) for one in opened]
    for one, module in zip(opened, modules, strict=True):
        try:
            module(images)
        except Exception as error:
            cause = " ".join(str(error).split())[:160]
            size = "x".join(map(str, images.shape))
            raise InputError(f"{one.model.name} does not run on images of {size} ({cause})") from error
    environment = replace(read_environment("cpu"), before=machine_state("cpu"))
    announce(f"timing {len(opened)} ONNX graphs in random order")
    series = run_blocks(modules, images, settings, clock=clock or clock_for("cpu"), seed=seed)
    environment = replace(environment, after=machine_state("cpu"))
    models = []
    for arm, one in enumerate(opened):
        samples, warm = series.samples_ms[arm], series.warm_ms[arm]
        latency = summarise(samples, warm, noise_notes(samples, series.seen.sentences()))
        models.append(replace(one.model, latency=latency))
    return DeployedComparison(
        models=tuple(models),
        paired=tuple(judge(series, arm, settings.precision) for arm in range(1, len(opened))),
        settings=settings,
        environment=environment,
        seed=seed,
        command=command,
    )


def _images(opened: Sequence[Opened], settings: ProfileSettings) -> Tensor:
    channels = next((shape[1] for one in opened if (shape := fixed_shape(one.session))[1]), 3)
    asked = (settings.batch, channels, *settings.imgsz)
    for one in opened:
        shape = fixed_shape(one.session)
        if any(size is not None and size != wanted for size, wanted in zip(shape, asked, strict=True)):
            taken = "x".join("any" if size is None else str(size) for size in shape)
            wanted_size = "x".join(map(str, asked))
            raise InputError(
                f"{one.model.name} takes images of {taken} (BxCxHxW), and all are timed on {wanted_size}: "
                "give --imgsz and --batch that every one of them takes, or export again"
            )
    return torch.rand(asked, generator=torch.Generator().manual_seed(0))


def _runner(session: Any) -> Callable[[Tensor], object]:
    given = session.get_inputs()[0]
    kind = _TYPES[given.type]
    return lambda images: session.run(None, {given.name: images.to(kind).numpy()})
