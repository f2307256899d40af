"""What a block computes for nothing: weights that never reach its output, gates that no image moves.

Several attention blocks in circulation run without an error and do nothing, or only half of what their paper says: a
softmax over the batch axis is 1 for a single image, the sigmoid of a softmax over all pixels stays at 0.5, a branch is
built and never called. The catalog's blocks are tested against their authors' recordings; of a user's own class
nothing is known, so it is asked here.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from surgeon.surgery.checks.gates import nudge

_SIZES = ((40, 40), (20, 20), (16, 16), (8, 8), (7, 7))
"""Map sizes that are tried, the first that a block runs at counts: on small maps even an idle gate moves a little."""
_LARGE = (80, 80)
_GATES = frozenset({"softmax", "sigmoid", "sigmoid_", "hardsigmoid"})
_STILL = 1e-3
"""Mean difference between two images, relative to the mean, below which a gate does not respond to what it sees."""
_HALF_ERROR = 0.1
_AFFORDABLE = 5000
"""Weights up to which a block is run in float16: a CPU takes a hundred times longer for a convolution in it."""
_NAMED = 3
_SEEDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a block was found to do for nothing.

    Attributes:
        found: A sentence each; none where all is well, or where it could not be told.
        untold: Why it could not be told, empty where it could.
    """

    found: tuple[str, ...] = ()
    untold: str = ""


def futile_work(block: nn.Module, channels: int) -> Answer:
    """What of a block has no effect, or an effect it must not have.

    Args:
        block: Reads and puts out a feature map ``(B, C, H, W)``; it is not changed.
        channels: C.
    """
    found, error = _first_size(_nudged_copy(block), channels)
    if found is None:
        sizes = ", ".join(f"{h}x{w}" for h, w in _SIZES)
        return Answer(untold=f"alone it runs at none of {sizes}: {_first_line(error)}")
    one, other, idle = found
    for seed in range(1, _SEEDS):
        if idle:  # a narrow layer's ReLU may be silent by chance
            again, _ = _first_size(_redrawn_copy(block, seed), channels)
            idle = [name for name in idle if again is None or name in again[2]]
    return Answer(found=tuple(_sentences(one, other, idle)))


def half_precision(block: nn.Module, channels: int) -> Answer:
    """Which gates of a block rest, or how far it is off, in float16 on a large map with strong values.

    Args:
        block: As for `futile_work`.
        channels: C.
    """
    if sum(p.numel() for p in block.parameters() if p.dim() > 1) > _AFFORDABLE:
        return Answer(untold=f"not asked in float16, which takes a CPU too long above {_AFFORDABLE} weights")
    probe = _nudged_copy(block).half()
    images = [image.half() for image in _images(channels, _LARGE, 4.0)]
    try:
        one, other = (_Pass(probe, image).without_graph() for image in images)
        probe = probe.float()
        single = [_Pass(probe, image.float()).without_graph() for image in images]
    except Exception as error:  # no float16 kernel on this machine, or another map size wanted
        return Answer(untold=f"it does not run in float16 on an 80x80 map here: {_first_line(error)}")
    got = one.output.detach().float()
    where = "in float16 (yolo val half=True) on an 80x80 map of deviation 4"
    resting = _resting(one, other, below=0.0)
    if still := resting.keys() - _resting(*single, below=0.0).keys():
        return Answer(found=(f"{where} its {_text(resting, still)}",))
    if not torch.isfinite(got).all():
        return Answer(found=(f"{where} it is not finite",))
    wanted = single[0].output.detach()
    off = float((got - wanted).abs().max() / wanted.abs().max().clamp_min(1e-30))
    return Answer(found=(f"{where} it is off by {off:.0%}",) if off > _HALF_ERROR else ())


class _Pass:
    """One forward pass of a block on its own."""

    def __init__(self, block: nn.Module, x: Tensor) -> None:
        image = x.clone().requires_grad_()
        read = image * 1.0  # no leaf: a block that writes into its input must be able to
        with _Recording() as recording, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.output: Tensor = block(read)
        self.gates = recording.gates
        self.wrote = not torch.equal(read.detach(), x)

    def without_graph(self) -> _Pass:
        """The same pass, rid of what gradients would need: on large maps that is most of the memory."""
        self.output = self.output.detach()
        return self


class _Recording(TorchFunctionMode):
    """Keeps what every softmax and sigmoid that depends on the image puts out, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: list[tuple[str, Tensor]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name in _GATES and isinstance(out, Tensor) and out.requires_grad:
            self.gates.append((name.rstrip("_"), out.detach().clone()))
        return out


def _nudged_copy(block: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose parameters are moved a little: none stays at an initial 0 or 1."""
    probe = copy.deepcopy(block).cpu().eval().float()  # where the images are
    for parameter in probe.parameters():
        parameter.data.add_(nudge(parameter))
        parameter.requires_grad_(True)
    return probe


def _redrawn_copy(block: nn.Module, seed: int) -> nn.Module:
    """A copy in evaluation mode with other random parameters of about the same size."""
    probe = copy.deepcopy(block).cpu().eval().float()  # where the images are
    generator = torch.Generator().manual_seed(seed)
    for parameter in probe.parameters():
        size = max(float(parameter.detach().square().mean().sqrt()), 0.1)
        parameter.data.copy_(size * torch.randn(parameter.shape, generator=generator))
        parameter.requires_grad_(True)
    return probe


def _first_size(probe: nn.Module, channels: int) -> tuple[tuple[_Pass, _Pass, list[str]] | None, Exception | None]:
    """Passes on two images at the first size that works and the weights without gradient, or what failed last."""
    failed: Exception | None = None
    for size in _SIZES:
        try:
            one, other = (_Pass(probe, image) for image in _images(channels, size, 1.0))
            direction = torch.randn(one.output.shape, generator=torch.Generator().manual_seed(0))
            named = dict(probe.named_parameters())
            total, weights = (one.output * direction).sum(), list(named.values())
            found = torch.autograd.grad(total, weights, allow_unused=True) if weights else ()
        except Exception as error:
            failed = error
            continue
        gradients = zip(named, found, strict=True)
        idle = [n for n, g in gradients if named[n].dim() > 1 and (g is None or not g.any())]
        return (one, other, idle), None
    return None, failed


def _first_line(error: Exception | None) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:160]}"


def _sentences(one: _Pass, other: _Pass, idle: list[str]) -> Iterator[str]:
    if idle:
        more = f" and {len(idle) - _NAMED} more" if len(idle) > _NAMED else ""
        yield f"{', '.join(idle[:_NAMED])}{more} never change its output"
    if still := _resting(one, other):
        yield f"its {_text(still, still)} whatever the image"
    if one.wrote:
        yield "it writes into its input, which other rows may read"


def _images(channels: int, size: tuple[int, int], deviation: float) -> list[Tensor]:
    """Two random maps whose channels differ in their means too: else what pools them would see no difference."""
    generator = torch.Generator().manual_seed(1)
    return [
        deviation
        * (torch.randn(1, channels, *size, generator=generator) + torch.randn(1, channels, 1, 1, generator=generator))
        for _ in range(2)
    ]


def _text(resting: dict[int, str], numbers: Iterable[int]) -> str:
    return " and its ".join(resting[number] for number in sorted(numbers))


def _resting(one: _Pass, other: _Pass, *, below: float = _STILL) -> dict[int, str]:
    """The gates that put out the same for two images, by number, and what they put out.

    Args:
        one: A pass on one image.
        other: On another.
        below: Mean difference, relative to the mean, up to which they are the same.
    """
    found = {}
    pairs = [(kind, a.float(), b.float()) for (kind, a), (_, b) in zip(one.gates, other.gates, strict=False)]
    for number, (kind, a, b) in enumerate(pairs, start=1):
        # Means, not extremes: a softmax over all pixels may single out one, and the sigmoid of it still rests.
        if a.shape == b.shape and float((a - b).abs().mean()) <= below * float(a.abs().mean()):
            sample = a.flatten()[:: max(1, a.numel() // 100_000)]
            low, high = (float(sample.quantile(q)) for q in (0.01, 0.99))
            found[number] = f"{kind} {number} stays at {low:.4f} to {high:.4f}"
    return found
