"""Users' blocks that Ultralytics would silently undo: subclasses of its layers that override ``forward``.

Folding BatchNorm and exporting put another method in the place of ``forward`` on every layer of some classes, and of
their subclasses. What one of these added in its own ``forward`` is then gone: an ONNX file without the attention.

Internals used: ``BaseModel.fuse`` puts ``forward_fuse`` in the place of ``forward`` of Conv (8.0.0), ConvTranspose
(8.0.35), RepConv (8.0.98) and RepVGGDW (8.2.38); the exporter puts ``forward_split`` in that of C2f (8.0.41).
"""

from __future__ import annotations

from torch import nn

from surgeon.errors import BlockError

_SWAPPED = {
    "C2f": ("forward_split", "exporting"),
    "Conv": ("forward_fuse", "fusing"),
    "ConvTranspose": ("forward_fuse", "fusing"),
    "RepConv": ("forward_fuse", "fusing"),
    "RepVGGDW": ("forward_fuse", "fusing"),
}
_HOME = "ultralytics."


def refuse_swapped(planted: nn.Module, name: str) -> None:
    """Refuse a block with a layer whose ``forward`` would be swapped for one that does less.

    Args:
        planted: The block, built and planted.
        name: What the user called it.

    Raises:
        BlockError: It has such a layer.
    """
    for path, module in planted.get_submodule("block").named_modules():
        if found := swapped(module):
            base, swap, when = found
            where = f"{name} holds {type(module).__name__} at {path}, which" if path else name
            raise BlockError(
                f"{where} overrides forward of Ultralytics' {base}, and {when} puts {base}.{swap} in its place, so the "
                f"block would silently vanish: write an nn.Module that holds a {base} instead of being one"
            )


def swapped(module: nn.Module) -> tuple[str, str, str] | None:
    """Base class, the method that takes the place of ``forward``, and when; None where nothing is lost."""
    from ultralytics.nn.modules import block, conv

    if type(module).__module__.startswith(_HOME):
        return None
    for name, (swap, when) in _SWAPPED.items():
        base = getattr(conv, name, None) or getattr(block, name, None)
        if base is None or not isinstance(module, base):
            continue
        cls = type(module)
        if cls.forward is not base.forward and getattr(cls, swap) is getattr(base, swap):
            return name, swap, when
    return None
