"""The promises of an edit, verified on the live networks before anything is written.

Each check is one function and one line of the report. A check that only asks "is the output unchanged?" also passes a
block that nothing reads, so liveness and gradients are asked with the gate open.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from surgeon.errors import CheckError
from surgeon.graph.network import Network
from surgeon.surgery.plan import SurgeryPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One verified promise.

    Attributes:
        name: ``tensors``, ``rebuild``, ``shapes``, ``identity``, ``liveness`` or ``gradients``.
        passed: Whether it held.
        detail: What was compared and found.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """Where the tensors of the edited network come from.

    Attributes:
        copied: Name in the source → name in the edited network.
        fresh: Names of new tensors in the edited network.
        dropped: Names in the source that the edited network does not have.
    """

    copied: dict[str, str]
    fresh: tuple[str, ...]
    dropped: tuple[str, ...]


def map_tensors(before: Network, after: Network, plan: SurgeryPlan) -> Tensors:
    """Follow every tensor of the source through the plan's row renames."""
    gone = tuple(f"{path}." for path in plan.dropped_paths)
    copied, dropped = {}, []
    for name in before.module.state_dict():
        if name.startswith(gone):
            dropped.append(name)
        else:
            copied[name] = plan.moved(name)
    taken = set(copied.values())
    fresh = tuple(name for name in after.module.state_dict() if name not in taken)
    return Tensors(copied=copied, fresh=fresh, dropped=tuple(dropped))


def check_edit(before: Network, after: Network, plan: SurgeryPlan) -> tuple[Check, ...]:
    """Verify every promise of an edit.

    Raises:
        CheckError: One does not hold; the message names it.
    """
    sizes = check_sizes(before.max_stride)
    images = [_image(after, size) for size in sizes]
    checks = []
    # Generators: each check begins when the ones before it have passed.
    for result in itertools.chain(
        _check_tensors(before, after, plan),
        _check_outputs(before, after, plan, images),
        _check_rebuild(after, images[1]),
        _check_liveness(after, plan, images[0]),
        _check_gradients(after, plan, images[0]),
    ):
        if not result.passed:
            raise CheckError(f"the edit was undone, its check {result.name!r} failed: {result.detail}")
        checks.append(result)
    return tuple(checks)


def check_sizes(stride: int) -> tuple[tuple[int, int], ...]:
    """Three image sizes ``(H, W)``, the second not square, small enough to be quick.

    RT-DETR selects 300 anchors: at stride 32 these sizes have 336, 315 and 420.
    """
    return (4 * stride, 4 * stride), (3 * stride, 5 * stride), (5 * stride, 4 * stride)


def _image(network: Network, size: tuple[int, int]) -> Tensor:
    parameter = next(network.module.parameters())
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, network.in_channels, *size, generator=generator)
    return image.to(device=parameter.device, dtype=parameter.dtype)


def _check_tensors(before: Network, after: Network, plan: SurgeryPlan) -> Iterator[Check]:
    tensors = map_tensors(before, after, plan)
    old, new = before.module.state_dict(), after.module.state_dict()
    wrong = [n for n, m in tensors.copied.items() if m not in new or not torch.equal(old[n], new[m])]
    total = len(old) - len(tensors.dropped)
    detail = f"{total - len(wrong)} of {total} tensors carried over unchanged"
    yield Check(name="tensors", passed=not wrong and total > 0, detail=detail + (f"; not {wrong[0]}" if wrong else ""))


def _check_outputs(before: Network, after: Network, plan: SurgeryPlan, images: list[Tensor]) -> Iterator[Check]:
    sizes = ", ".join(f"{i.shape[-2]}x{i.shape[-1]}" for i in images)
    moved, finite, largest = [], True, 0.0
    for image in images:
        with torch.no_grad():
            old = before.run(image)
            try:
                new = after.run(image)
            except Exception as error:  # a user's own block raises what it likes
                height, width = image.shape[-2:]
                what = f"{type(error).__name__}: {error}".splitlines()[0]
                yield Check(
                    name="shapes", passed=False, detail=f"the edited network cannot run at {height}x{width}: {what}"
                )
                return
        same_form = [o.shape for o in old] == [n.shape for n in new]
        if not same_form:
            yield Check(name="shapes", passed=False, detail=f"outputs have other shapes at {tuple(image.shape[-2:])}")
            return
        finite = finite and all(bool(torch.isfinite(n).all()) for n in new if n.is_floating_point())
        with torch.no_grad():
            # Untrained weights can drown a difference of the features in the bias of the head: compare both.
            features = _moved(before.head_inputs(image), after.head_inputs(image))
        moved.append(features or _moved(old, new))
        largest = max([largest, *(_distance(o, n) for o, n in zip(old, new, strict=True))])
    yield Check(name="shapes", passed=finite, detail=f"same output shapes, finite, at {sizes}")
    if plan.keeps_output:
        detail = (
            f"output and what enters the head equal bit for bit at {sizes}"
            if not any(moved)
            else f"output moved by up to {largest:.3g}"
        )
        yield Check(name="identity", passed=not any(moved), detail=detail)
    else:
        # No promise here; the reader is told how far the output moved.
        what = f"output moved by up to {largest:.3g}, as asked" if any(moved) else "output unchanged"
        yield Check(name="moved", passed=True, detail=f"{what}, at {sizes}")


def _distance(a: Tensor, b: Tensor) -> float:
    if not a.numel() or not a.is_floating_point():
        return 0.0
    return float((a.double() - b.double()).abs().max())


def _check_rebuild(after: Network, image: Tensor) -> Iterator[Check]:
    rebuilt = after.rebuilt()
    state, again = after.module.state_dict(), rebuilt.module.state_dict()
    lost = [n for n, t in state.items() if n not in again or not torch.equal(t, again[n])]
    lost += [n for n in again if n not in state]
    if lost:
        yield Check(
            name="rebuild", passed=False, detail=f"{len(lost)} tensors do not survive a rebuild, first {lost[0]}"
        )
        return
    if list(after.wiring()) != list(rebuilt.wiring()):
        yield Check(name="rebuild", passed=False, detail="a rebuild from model.yaml wires the rows differently")
        return
    with torch.no_grad():
        equal = all(torch.equal(a, b) for a, b in zip(after.run(image), rebuilt.run(image), strict=True))
    detail = f"rebuilt from model.yaml as the trainer does: {len(state)} tensors, wiring and output equal"
    yield Check(name="rebuild", passed=equal, detail=detail if equal else "a rebuilt network puts out other values")


def _check_liveness(after: Network, plan: SurgeryPlan, image: Tensor) -> Iterator[Check]:
    planted = plan.planted
    if not planted:
        return
    dead: list[str] = []
    faint: list[str] = []
    with torch.no_grad():
        output, features = after.run(image), after.head_inputs(image)
        for key, path in planted.items():
            with _disturbed(after.module.get_submodule(path)):
                if _moved(output, after.run(image)):
                    continue
                # Untrained weights can drown the change of the features in the bias of the head.
                (faint if _moved(features, after.head_inputs(image)) else dead).append(key)
    detail = f"opening {', '.join(planted)} moves the output"
    if faint:
        detail = f"opening {', '.join(faint)} moves what enters the head, too little to change a digit of the output"
    yield Check(name="liveness", passed=not dead, detail=f"{', '.join(dead)} has no effect" if dead else detail)


def _moved(a: list[Tensor], b: list[Tensor]) -> bool:
    return not all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@contextlib.contextmanager
def _disturbed(row: torch.nn.Module) -> Iterator[None]:
    """Open a planted block's gate; of one without a gate, scale the output."""
    gate = getattr(row, "gate", None)
    if gate is None:
        handle = row.register_forward_hook(lambda _, __, output: output * 1.5 + 0.5)
        try:
            yield
        finally:
            handle.remove()
        return
    closed = gate.detach().clone()
    try:
        gate.data.fill_(1.0)
        yield
    finally:
        gate.data.copy_(closed)


def _check_gradients(after: Network, plan: SurgeryPlan, image: Tensor) -> Iterator[Check]:
    planted = plan.planted
    if not planted:
        return
    unused: list[str] = []
    for key, path in planted.items():
        own, upstream = _gradients(after, plan, key, path, image)
        bad = [n for n, g in {**own, **upstream}.items() if g is not None and not bool(torch.isfinite(g).all())]
        if bad:
            yield _gradient_failure(f"the gradient of {bad[0]} is not finite with the gate open")
        elif own and not any(g is not None and bool(g.any()) for g in own.values()):
            yield _gradient_failure(f"no gradient reaches any parameter of {key}")
        elif upstream and not any(g is not None and bool(g.any()) for g in upstream.values()):
            yield _gradient_failure(f"no gradient reaches what precedes {key}")
        unused += [n for n, g in own.items() if g is None]
    detail = "finite, reach every planted block and what precedes it (gate open)"
    if unused:
        detail += f"; {len(unused)} of the block's own tensors are never used, first {unused[0]}"
    yield Check(name="gradients", passed=True, detail=detail)


def _gradient_failure(detail: str) -> Check:
    return Check(name="gradients", passed=False, detail=detail)


def _gradients(
    after: Network, plan: SurgeryPlan, key: str, path: str, image: Tensor
) -> tuple[dict[str, Tensor | None], dict[str, Tensor | None]]:
    """Gradients of a block's own parameters and of those of what it reads, with its gate alone open."""
    own_prefix = f"{path}."
    prefixes = tuple(f"{module}." for module in plan.upstream(key))
    block = after.module.get_submodule(path)
    with contextlib.ExitStack() as stack:
        everything = stack.enter_context(after.trainable())
        wanted = {n: p for n, p in everything.items() if n.startswith((own_prefix, *prefixes))}
        if not wanted:
            return {}, {}
        if getattr(block, "gate", None) is not None:
            stack.enter_context(_disturbed(block))
        with torch.enable_grad():
            # Relative to their size: the features of an untrained network are as small as 1e-9, their squares vanish.
            scaled = (x.float() / x.detach().float().abs().mean().clamp_min(1e-30) for x in after.head_inputs(image))
            loss = sum((x.square().mean() for x in scaled), torch.zeros(()))
            gradients = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    found: dict[str, Tensor | None] = dict(zip(wanted, gradients, strict=True))
    own = {n: g for n, g in found.items() if n.startswith(own_prefix)}
    return own, {n: g for n, g in found.items() if n not in own}
