"""Loading what the authors' and articles' classes saved.

A *case* names one published class (``gam.dengbuqi``); ``published/`` says how each maps to ours.
"""

from __future__ import annotations

from torch import Tensor

from surgeon.blocks import catalog
from surgeon.blocks.common import Block
from surgeon.blocks.factory import load_factory
from surgeon.blocks.published import all_cases
from surgeon.blocks.published.form import Arguments, Reference, Tensors
from surgeon.errors import BlockError


def cases() -> tuple[str, ...]:
    """The published classes that can be loaded."""
    return tuple(all_cases())


def from_reference(
    case: str,
    arguments: Arguments,
    tensors: Tensors | None = None,
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
) -> Block:
    """Build our module for a published class, and load its weights.

    Args:
        case: One of :func:`cases`.
        arguments: The published class's constructor arguments.
        tensors: Its state dict; None leaves our initialisation.
        size: Map size ``(H, W)`` that it ran at. Needed only where it stores a flattened position table of a map that
            is not square.
        channels: Width of its input, for a class that takes none.

    Raises:
        BlockError: The case or an argument is unknown, or the tensors do not fit.
    """
    reference = _reference(case)
    known = {*reference.channels, *reference.names, *reference.others}
    for key in arguments:
        if key not in known:
            raise BlockError(catalog.unknown(f"{case} has no argument", key, known))
    settings = {ours: arguments[theirs] for theirs, ours in reference.names.items() if theirs in arguments}
    settings |= reference.settings(arguments, size)
    info = catalog.get(reference.block)
    widths = [arguments[key] for key in reference.channels if key in arguments] or [channels or 0]
    output = widths[-1] if reference.output is None else reference.output(arguments)
    resolved = info.resolve(widths[0], output, settings)
    module = load_factory(info.factory)(widths[0], output, **resolved.settings)
    assert isinstance(module, Block)
    if tensors is not None:
        try:
            module.load_state_dict(_flat(reference.tensors(tensors, size)))
        except RuntimeError as error:
            raise BlockError(f"{case}: the tensors do not fit these arguments: {error}") from error
    return module


def reference_tensors(case: str, tensors: Tensors, *, size: tuple[int, int] | None = None) -> dict[str, Tensor]:
    """Rename and reshape a published class's tensors (state dict, gradients or buffers) to ours.

    Raises:
        BlockError: The case is unknown.
    """
    return _flat(_reference(case).tensors(tensors, size))


def _flat(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tables of three or five dimensions as vectors, in which form our blocks keep them (`common.Block`)."""
    return {name: tensor.reshape(-1) if tensor.dim() in (3, 5) else tensor for name, tensor in tensors.items()}


def _reference(case: str) -> Reference:
    """Look a case up."""
    known = all_cases()
    if case not in known:
        raise BlockError(catalog.unknown("There is no published class", case, known))
    return known[case]
