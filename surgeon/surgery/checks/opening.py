"""What happens when the gates open: the output moves, and gradients reach the blocks and what precedes them.

All gates open in one forward and one backward pass. Many blocks at once can drive untrained features to where
gradients vanish or overflow, so whatever fails there is asked again with its own gate open alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.surgery.checks.gates import gate_of, nudged, opened
from surgeon.surgery.checks.outcome import Check
from surgeon.surgery.checks.passes import Passes, Seen, first_line, image_for, same


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """What one pass with its gate open showed of a planted block.

    Attributes:
        alive: Whether what leaves the network follows the block's effect.
        not_finite: Name of a tensor whose gradient is not finite.
        own: Whether some parameter of the block has a gradient, None for a block without parameters.
        upstream: Whether what the block reads has a gradient.
        unused: Parameters that the block never uses.
    """

    alive: bool
    not_finite: str | None
    own: bool | None
    upstream: bool
    unused: tuple[str, ...]

    @property
    def sound(self) -> bool:
        return self.alive and self.not_finite is None and self.own is not False and self.upstream


def check_opening(passes: Passes) -> Iterator[Check]:
    """The checks ``liveness`` and ``gradients``, of everything planted."""
    planted = passes.plan.planted
    if not planted:
        return
    closed = passes.new(passes.sizes[0])
    try:
        found, seen = _open(passes, list(planted))
    except RuntimeError as error:  # a block that writes into a tensor which the backward pass needs
        detail = f"the backward pass fails with the gate open: {first_line(error)}"
        yield Check(name="gradients", passed=False, detail=detail)
        return
    moved, moved_output = not closed.equals(seen), not same(closed.outputs, seen.outputs)
    for key in planted:
        if moved and found[key].sound:
            continue
        found[key], seen = _alone(passes, key, closed)
        moved_output = moved_output or not same(closed.outputs, seen.outputs)
    asleep = [key for key, block in found.items() if not block.alive and _wakes(passes, key, closed)]
    yield _liveness(found, asleep, [key for key in planted if _has_gate(passes, key)], moved_output)
    yield _gradients(found)


def _alone(passes: Passes, key: str, closed: Seen) -> tuple[_Block, Seen]:
    """What one block shows with its own gate open alone."""
    found, seen = _open(passes, [key], everything=True)
    without_effect = _has_gate(passes, key) and closed.equals(seen)
    return replace(found[key], alive=found[key].alive and not without_effect), seen


def _has_gate(passes: Passes, key: str) -> bool:
    return gate_of(passes.after.module.get_submodule(passes.plan.planted[key])) is not None


def _wakes(passes: Passes, key: str, closed: Seen) -> bool:
    """Whether a block without effect has one with other weights: its own initialisation is the identity."""
    with nudged(passes.after.module.get_submodule(passes.plan.planted[key])):
        found, _ = _alone(passes, key, closed)
    return found.alive


def _liveness(found: dict[str, _Block], asleep: Sequence[str], gated: Sequence[str], moved_output: bool) -> Check:
    dead = [key for key, block in found.items() if not block.alive]
    if asleep:
        detail = (
            f"{', '.join(asleep)} starts as the identity by its own initialisation, and behind a closed gate no "
            "gradient would ever reach it; --start paper plants it without a gate"
        )
        return Check(name="liveness", passed=False, detail=detail)
    if dead:
        return Check(name="liveness", passed=False, detail=f"{', '.join(dead)} has no effect")
    details = []
    if gated:
        details.append(f"opening {', '.join(gated)} moves the output")
    if gated and not moved_output:
        # Untrained weights can drown the change of the features in the bias of the head.
        details = [f"opening {', '.join(gated)} moves what enters the head, too little to change a digit of the output"]
    if ungated := [key for key in found if key not in gated]:
        details.append(f"what {', '.join(ungated)} puts out has an effect")
    return Check(name="liveness", passed=True, detail="; ".join(details))


def _gradients(found: dict[str, _Block]) -> Check:
    unused: list[str] = []
    for key, block in found.items():
        failure = None
        if block.not_finite is not None:
            failure = f"the gradient of {block.not_finite} is not finite with the gate open"
        elif block.own is False:
            failure = f"no gradient reaches any parameter of {key}"
        elif not block.upstream:
            failure = f"no gradient reaches what precedes {key}"
        if failure:
            return Check(name="gradients", passed=False, detail=failure)
        unused += block.unused
    detail = "finite, reach every planted block and what precedes it (gate open)"
    if unused:
        detail += f"; {len(unused)} of the block's own tensors are never used, first {unused[0]}"
    return Check(name="gradients", passed=True, detail=detail)


def _open(passes: Passes, keys: Sequence[str], *, everything: bool = False) -> tuple[dict[str, _Block], Seen]:
    """One forward and backward pass with the gates of these blocks open.

    Args:
        passes: The networks.
        keys: Which blocks.
        everything: Whether the loss also holds what the network puts out: a block inside the head moves nothing else.
    """
    after, planted = passes.after, passes.plan.planted
    blocks = {key: after.module.get_submodule(planted[key]) for key in keys}
    with contextlib.ExitStack() as stack:
        stack.enter_context(opened(blocks.values()))
        own = stack.enter_context(_only_trainable(after.module, [f"{planted[key]}." for key in keys]))
        watches = {key: stack.enter_context(_watching(block)) for key, block in blocks.items()}
        with torch.enable_grad():
            outputs, features = after.observe(image_for(after, passes.sizes[0]))
            loss = _loss([*features, *outputs] if everything else features)
        wanted = [*own.values(), *(t for watch in watches.values() for t in [*watch.read, *watch.written])]
        gradients = _Gradients(loss, wanted)
    found = {key: _verdict(blocks[key], f"{planted[key]}.", own, watches[key], gradients) for key in keys}
    return found, Seen(outputs=[o.detach() for o in outputs], features=[f.detach() for f in features])


def _verdict(
    block: nn.Module, prefix: str, parameters: dict[str, nn.Parameter], watch: _Watch, gradients: _Gradients
) -> _Block:
    gate = gate_of(block)
    own = {n: p for n, p in parameters.items() if n.startswith(prefix) and p is not gate}
    tensors = {**own, f"{prefix}gate": gate} if gate is not None else own
    infinite = [name for name, tensor in tensors.items() if not gradients.finite(tensor)]
    if not all(gradients.finite(tensor) for tensor in watch.read):
        infinite.append(f"what {prefix.rstrip('.')} reads")
    return _Block(
        # A block as published is alive if anything reads it; behind a gate, if it also differs from what it reads.
        alive=any(gradients.reaches(t) for t in ([gate] if gate is not None else watch.written)),
        not_finite=infinite[0] if infinite else None,
        own=any(gradients.reaches(p) for p in own.values()) if own else None,
        upstream=any(gradients.reaches(tensor) for tensor in watch.read),
        unused=tuple(name for name, parameter in own.items() if not gradients.uses(parameter)),
    )


class _Gradients:
    """Gradients of a loss by tensor."""

    def __init__(self, loss: Tensor, wanted: list[Tensor]) -> None:
        wanted = [tensor for tensor in wanted if tensor.requires_grad] if loss.requires_grad else []
        found = torch.autograd.grad(loss, wanted, allow_unused=True) if wanted else ()
        self._found = {id(tensor): gradient for tensor, gradient in zip(wanted, found, strict=True)}
        self._kept = wanted  # an id is a tensor's own only while it lives

    def uses(self, tensor: Tensor) -> bool:
        """Whether the loss is a function of a tensor."""
        return self._found.get(id(tensor)) is not None

    def reaches(self, tensor: Tensor) -> bool:
        """Whether some element's gradient is not zero."""
        gradient = self._found.get(id(tensor))
        return gradient is not None and bool(gradient.any())

    def finite(self, tensor: Tensor) -> bool:
        """Whether no element's gradient is NaN or infinite."""
        gradient = self._found.get(id(tensor))
        return gradient is None or bool(torch.isfinite(gradient).all())


def _loss(tensors: list[Tensor]) -> Tensor:
    """Squares, relative to their size: an untrained network has features as small as 1e-9, whose squares vanish."""
    floating = [tensor.float() for tensor in tensors if tensor.is_floating_point() and tensor.numel()]
    scaled = (x / x.detach().abs().mean().clamp_min(1e-30) for x in floating)
    return sum((x.square().mean() for x in scaled), torch.zeros(()))


@contextlib.contextmanager
def _only_trainable(module: nn.Module, prefixes: Sequence[str]) -> Iterator[dict[str, nn.Parameter]]:
    """Let the parameters under some prefixes, and no others, require gradients; yields them by name."""
    parameters = {n: p for n, p in module.named_parameters() if p.is_floating_point()}
    before = {n: p.requires_grad for n, p in parameters.items()}
    own = {n: p for n, p in parameters.items() if n.startswith(tuple(prefixes))}
    try:
        for name, parameter in parameters.items():
            parameter.requires_grad_(name in own)
        yield own
    finally:
        for name, parameter in parameters.items():
            parameter.requires_grad_(before[name])


@dataclass(slots=True)
class _Watch:
    """Tensors that a block read and wrote, in every call of a pass."""

    read: list[Tensor]
    written: list[Tensor]


@contextlib.contextmanager
def _watching(block: nn.Module) -> Iterator[_Watch]:
    watch = _Watch([], [])

    def reads(_: nn.Module, args: Any) -> Any:
        return _each(args, read)

    def read(x: Tensor) -> Tensor:
        if not x.is_floating_point():
            return x
        watch.read.append(x if x.requires_grad else x.detach().requires_grad_())
        return watch.read[-1].clone()  # the block may write into what it reads

    def writes(_: nn.Module, __: Any, output: Any) -> None:
        _each(output, watch.written.append)

    handles = [block.register_forward_pre_hook(reads), block.register_forward_hook(writes)]
    try:
        yield watch
    finally:
        for handle in handles:
            handle.remove()


def _each(value: Any, function: Callable[[Tensor], Any]) -> Any:
    """Apply a function to every tensor of a tuple or list, nested or not."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, list | tuple):
        return type(value)(_each(item, function) for item in value)
    return value
