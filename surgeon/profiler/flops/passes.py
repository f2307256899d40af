"""Forward passes of one network on one twin: what is counted, and who else is told of it.

A pass runs at the true image size without data (meta tensors), so it costs milliseconds and no memory. A network that
looks at its data falls back to a real pass on the CPU.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from types import TracebackType

import torch
from torch import Tensor, nn

from surgeon.errors import MeasurementError
from surgeon.profiler.flops.fastpath import without_fast_attention
from surgeon.profiler.flops.formula import Formula
from surgeon.profiler.flops.formulas import default_formulas, leaves_built_in_alone
from surgeon.profiler.flops.functions import FunctionMode
from surgeon.profiler.flops.ledger import Ledger, Tally
from surgeon.profiler.flops.liveness import MemoryLog
from surgeon.profiler.flops.mode import CountingMode
from surgeon.profiler.flops.observing import Observe, observed
from surgeon.profiler.flops.traffic import held_by
from surgeon.profiler.flops.twin import counting_twin
from surgeon.profiler.flops.watching import Shapes, Watcher
from surgeon.profiler.inputs import Forward
from surgeon.profiler.room import room_of
from surgeon.profiler.settings import ProfileSettings

Shape = tuple[int, int, int, int]
"""Image batch ``(B, C, H, W)``."""

_CHECKED_PIXELS = 16 * 640 * 640
"""Up to this many a real pass runs unchecked; above, one image is run first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one forward pass was seen to do.

    Attributes:
        tallies: What each module ran itself while each row was running.
        uncounted: Operators that ran and that no formula covers, with the module.
        shapes: Output shape of each row.
        held: What it held in memory.
        device: ``meta``, or ``cpu`` where the network had to be run.
    """

    tallies: tuple[Tally, ...]
    uncounted: tuple[str, ...]
    shapes: Shapes
    held: MemoryLog
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Twin:
    module: nn.Module
    ledger: Ledger
    watcher: Watcher
    close: ExitStack


class Passes:
    """Runs a network as often as one likes on one twin. To be used as a context: the twin is taken apart at its end.

    Args:
        module: The network; only read. It runs in eval mode.
        name: What a message calls it.
        rows: Module paths of its rows.
        forward: How to run it, default ``module(image)``.
        formulas: MAC formulas by operator name, default `default_formulas`.
        operators_only: Leave the rules for functions out and see every operator: slower, for the same counts.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        name: str = "the network",
        rows: Collection[str] = (),
        forward: Forward | None = None,
        formulas: Mapping[str, Formula] | None = None,
        operators_only: bool = False,
    ) -> None:
        self._module, self._name, self._rows = module, name, rows
        self._forward: Forward = forward or (lambda network, image: network(image))
        self._formulas = default_formulas() if formulas is None else formulas
        self._ruled = not operators_only and leaves_built_in_alone(self._formulas)
        self._twins: dict[str, _Twin] = {}

    def __enter__(self) -> Passes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for device in tuple(self._twins):
            self._drop(device)

    def run(self, shape: Shape, observe: Observe | None = None) -> Pass:
        """One pass.

        Args:
            shape: Of the images.
            observe: Makes who else is told of it.

        Raises:
            MeasurementError: The network cannot be copied, or cannot run on such images.
        """
        try:
            return self._once("meta", shape, observe)
        except Exception:  # whatever meta tensors cannot do, a real pass can: its own error is the one to report
            self._drop("meta")
        try:
            self._require_room(shape)
            return self._once("cpu", shape, observe)
        except MeasurementError:
            raise
        except Exception as error:
            self._drop("cpu")  # it stopped half-way
            raise MeasurementError(
                f"{self._name} cannot run on images of {shape[2]}x{shape[3]} pixels, so it cannot be counted: {error}"
            ) from error

    def _require_room(self, shape: Shape) -> None:
        """Refuse a batch of real images that memory does not hold; one image, not too large, tells what one takes."""
        batch, _, height, width = shape
        settings = ProfileSettings(imgsz=(height, width), batch=batch)
        if lacking := room_of([self._module], [], settings, shape[1]).lacking(settings):
            raise MeasurementError(f"{self._name} has to be run to be counted, and {lacking}")
        if batch * height * width <= _CHECKED_PIXELS:
            return
        tried = (height, width) if height * width <= _CHECKED_PIXELS else (640, 640)
        one = self._once("cpu", (1, shape[1], *tried), None).held.summary().peak_bytes
        peak = batch * one * height * width // (tried[0] * tried[1])
        if lacking := room_of([self._module], [peak], settings, shape[1]).lacking(settings):
            raise MeasurementError(f"{self._name} has to be run to be counted, and {lacking}")

    def _once(self, device: str, shape: Shape, observe: Observe | None) -> Pass:
        twin = self._twins.get(device) or self._made(device)
        twin.ledger.restart()
        observer = None if observe is None else observe(twin.module)
        images = _images(shape, device)
        functions = FunctionMode(twin.ledger, observer, ruled=self._ruled)
        with (
            torch.random.fork_rng(devices=[]),
            without_fast_attention(),
            torch.no_grad(),
            torch.autocast("cpu", enabled=False),
            nullcontext() if observer is None else observed(twin.module, observer),
            CountingMode(twin.ledger, self._formulas, meta=device == "meta"),
            functions if self._ruled or observer is not None else nullcontext(),
        ):
            twin.ledger.memory.close(held_by(self._forward(twin.module, images)))
        return Pass(
            tallies=tuple(tally for tally in twin.ledger if tally.operators or tally.macs or tally.named),
            uncounted=tuple(twin.ledger.uncounted),
            shapes=dict(twin.watcher.shapes),
            held=twin.ledger.memory,
            device=device,
        )

    def _made(self, device: str) -> _Twin:
        ledger = Ledger(self._rows)
        watcher = Watcher(ledger, self._rows, shortcuts=self._ruled)
        close = ExitStack()
        module = close.enter_context(counting_twin(self._module, device, watcher, ledger.also))
        made = self._twins[device] = _Twin(module=module, ledger=ledger, watcher=watcher, close=close)
        return made

    def _drop(self, device: str) -> None:
        twin = self._twins.pop(device, None)
        if twin is not None:
            twin.close.close()


def _images(shape: Shape, device: str) -> Tensor:
    if device == "meta":
        return torch.empty(shape, dtype=torch.float32, device="meta")
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
