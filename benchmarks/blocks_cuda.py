"""The blocks against their plain forms on a GPU: what ``benchmarks/blocks.py --device cuda`` runs.

The forms of a case take turns in random order. One observation is the time between two CUDA events with ``CALLS``
passes in between, from an idle device; launching is part of it, as it is in a network that runs eagerly. Ratios are
medians over the turns with their 95 % confidence sequence. Memory is the caching allocator's peak of one pass.
"""

from __future__ import annotations

import copy
import math
import platform
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from plain import form
from torch import Tensor, nn

from surgeon.blocks import create, fused_acmix
from surgeon.errors import MeasurementError
from surgeon.profiler.device import require_measurable
from surgeon.profiler.memory import measure_memory
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.clock import Clock, clock_for
from surgeon.profiler.timing.confidence import median_interval, quantile
from surgeon.profiler.timing.quiet import quiet
from surgeon.profiler.timing.runner import Runner

CALLS = 10
MIN_TURNS, WARM_UP = 20, 3
COMPILED = " compiled"
COLUMNS = {
    "eager: plain / ours": ("plain", "ours"),
    "compiled: plain / ours": ("plain" + COMPILED, "ours" + COMPILED),
    "ours: eager / compiled": ("ours", "ours" + COMPILED),
    "ours eager / fused": ("ours", "fused"),
    "ours compiled / fused": ("ours" + COMPILED, "fused"),
}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Where and how everything runs: the device, the type of weights and maps, whether compiled forms run too."""

    device: str = "cuda"
    dtype: str = "float32"
    compiled: bool = False
    seconds: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """One block at one size.

    Attributes:
        block: Its name.
        channels: Its width.
        side: Side of the map.
        training: Forward and backward, or forward alone.
        times_ms: Milliseconds of one pass by form, a value a turn.
        memory: Peak bytes of one forward pass of ``ours`` and ``plain``, in inference.
        apart: Largest deviation of any form from ours, relative to ours' largest value.
        missing: Why a form is absent, by form.
    """

    block: str
    channels: int
    side: int
    training: bool
    times_ms: Mapping[str, list[float]]
    memory: Mapping[str, int] = field(default_factory=dict)
    apart: float = 0.0
    missing: Mapping[str, str] = field(default_factory=dict)

    def ratio(self, over: str, under: str) -> str:
        """Time of one form over another's, ``2.31 [2.25, 2.40]``; empty where one is absent."""
        if not (over in self.times_ms and under in self.times_ms):
            return ""
        pairs = zip(self.times_ms[over], self.times_ms[under], strict=True)
        found = median_interval([math.log(a / b) for a, b in pairs])
        return f"{math.exp(found.median):.2f} [{math.exp(found.low):.2f}, {math.exp(found.high):.2f}]"


class Plain(nn.Module):
    """A block run by its plain form, looked up beforehand so that a compiler sees the products alone."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.form = form(block)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """The same numbers as the block's own forward."""
        return self.form(self.block, x)  # type: ignore[arg-type]


class Fused(nn.Module):
    """A block with its own kernel switched on; where that does not run, nothing does."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = copy.deepcopy(block)
        self.block.fused = True  # type: ignore[assignment]
        self.proven = False

    def forward(self, x: Tensor) -> Tensor:
        """The same numbers as the block's own forward.

        Raises:
            RuntimeError: The kernel does not serve this call.
        """
        if self.proven:
            return self.block(x)  # type: ignore[no-any-return]
        with patch.object(fused_acmix, "attend", wraps=fused_acmix.attend) as launch:
            y: Tensor = self.block(x)
        if not launch.called:
            raise RuntimeError("the kernel does not serve this device, type or size")
        self.proven = True
        return y


def require_gpu(setup: Setup, *, training: bool) -> None:
    """Refuse what cannot be measured here, before anything is spent.

    Raises:
        MeasurementError: No such GPU, an unknown type, or training in a narrow one.
    """
    require_measurable(ProfileSettings(device=setup.device, dtype=setup.dtype))
    if torch.device(setup.device).type != "cuda":
        raise MeasurementError(f"--device {setup.device}: this table is a GPU's; leave --device out for the CPU's")
    if training and setup.dtype != "float32":
        raise MeasurementError(f"--training runs in float32; leave out --dtype {setup.dtype}")


def describe(setup: Setup) -> str:
    """The machine in one line: GPU, driver, versions, and the switches that decide which kernels run."""
    found = torch.cuda.get_device_properties(setup.device)
    switches = {
        "cudnn.benchmark": torch.backends.cudnn.benchmark,
        "TF32 matmul": torch.backends.cuda.matmul.allow_tf32,
        "TF32 cuDNN": torch.backends.cudnn.allow_tf32,
    }
    return (
        f"{found.name} (compute capability {found.major}.{found.minor}), driver {_driver()}, "
        f"torch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, "
        f"Python {platform.python_version()}; {setup.dtype}; "
        + ", ".join(f"{name} {'on' if value else 'off'}" for name, value in switches.items())
    )


def measure(
    block: str, channels: int, side: int, setup: Setup, *, training: bool = False, clock: Clock | None = None
) -> Result:
    """Time every form of one block at one size in random turns for about ``setup.seconds``."""
    clock = clock or clock_for(setup.device)
    torch.manual_seed(0)
    ours = create(block, channels).train(training)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    ours = ours.to(setup.device, getattr(torch, setup.dtype))
    x = torch.randn(1, channels, side, side).to(setup.device, getattr(torch, setup.dtype))
    passes, apart, missing = _ready(_forms(ours, setup, training=training), x, training)
    times = {name: [] for name in passes}
    with quiet(1):
        end = clock.now_s() + setup.seconds
        order, shuffled = list(passes), random.Random(0)
        while len(times["ours"]) < MIN_TURNS or clock.now_s() < end:
            shuffled.shuffle(order)
            for name in order:
                times[name].append(_span_ms(passes[name], clock) / CALLS)
    held = {} if training else {"ours": ours, "plain": Plain(ours)}
    memory = {name: _peak(module, x, clock, setup) for name, module in held.items() if name not in missing}
    return Result(
        block=block,
        channels=channels,
        side=side,
        training=training,
        times_ms=times,
        memory=memory,
        apart=apart,
        missing=missing,
    )


def table(results: list[Result], setup: Setup, machine: str, command: str) -> str:
    """The figures as Markdown."""
    head = ["block", "C", "map", "pass", *COLUMNS, "memory: plain / ours", "ours, ms", "apart"]
    lines = [
        "# The blocks against their plain forms on a GPU",
        "",
        f"{machine}. Batch 1, {CALLS} passes between two CUDA events, about {setup.seconds:g} s a case in random "
        "turns, [95 % confidence sequence of the median]. Above 1 the second form is faster or leaner; apart: the "
        "largest deviation of any form from ours, relative to the largest value.",
        "",
        f"| {' | '.join(head)} |",
        "|" + "---|" * len(head),
    ]
    for one in results:
        ratios = [one.ratio(over, under) for over, under in COLUMNS.values()]
        memory = f"{one.memory['plain'] / max(one.memory['ours'], 1):.2f}" if "plain" in one.memory else ""
        own = f"{quantile(sorted(one.times_ms['ours']), 0.5):.3f}"
        mode = "forward and backward" if one.training else "forward"
        cells = [one.block, one.channels, f"{one.side}x{one.side}", mode, *ratios, memory, own, f"{one.apart:.1e}"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    notes = [f"- {r.block} {r.channels} {r.side}, {name}: {why}" for r in results for name, why in r.missing.items()]
    return "\n".join([*lines, "", *notes, *([""] if notes else []), "```", command, "```", ""])


def _forms(ours: nn.Module, setup: Setup, *, training: bool) -> Iterator[tuple[str, nn.Module | Callable[..., Any]]]:
    """The forms of a block, each made when it is its turn; compiling begins at its first pass."""
    yield "ours", ours
    yield "plain", Plain(ours)
    if setup.compiled:
        torch.compiler.reset()
        yield "ours" + COMPILED, torch.compile(ours, dynamic=False)
        yield "plain" + COMPILED, torch.compile(Plain(ours), dynamic=False)
    if not training and hasattr(ours, "fused") and isinstance(ours.fused, bool):
        yield "fused", Fused(ours)


def _ready(
    forms: Iterator[tuple[str, Any]], x: Tensor, training: bool
) -> tuple[dict[str, Callable[[], object]], float, dict[str, str]]:
    """Warm every form up: its pass, the largest deviation from ours, and why a form cannot run."""
    passes: dict[str, Callable[[], object]] = {}
    missing: dict[str, str] = {}
    apart, wanted = 0.0, None
    for name, module in forms:
        run = partial(_train if training else _infer, module, x)
        try:
            y = [run() for _ in range(WARM_UP)][-1]
        except Exception as error:
            if name == "ours":
                raise
            missing[name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]
            continue
        wanted = y if wanted is None else wanted
        apart = max(apart, float((y.float() - wanted.float()).abs().max() / wanted.float().abs().max().clamp(min=1)))
        passes[name] = run
    return passes, apart, missing


def _infer(module: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.inference_mode():
        return module(x)


def _train(module: Any, x: Tensor) -> Tensor:
    """Forward and backward; the gradient of the input, which every form has."""
    image = x.detach().requires_grad_()
    module(image).sum().backward()
    module.zero_grad()
    assert image.grad is not None
    return image.grad


def _span_ms(run: Callable[[], object], clock: Clock) -> float:
    """Milliseconds of ``CALLS`` passes, from an idle device."""
    clock.spans_ms([])  # waits for what the last form left
    begin = clock.mark()
    for _ in range(CALLS):
        run()
    return clock.spans_ms([begin, clock.mark()])[0]


def _peak(module: nn.Module, x: Tensor, clock: Clock, setup: Setup) -> int:
    """Bytes held at most in one forward pass."""
    return measure_memory(Runner(module.eval(), x, clock), setup.device).peak_activation_bytes or 0


def _driver() -> str:
    """Version of the NVIDIA driver."""
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout.split()[0]
    except (OSError, IndexError, subprocess.SubprocessError):
        return "unknown"
