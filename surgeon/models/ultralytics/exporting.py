"""A network in the form that ``yolo export format=onnx dynamic=True`` traces.

Internals used: ``Exporter.__call__`` sets ``dynamic``, ``export``, ``format`` and ``shape`` on heads (8.0.0) and
``max_det`` (8.3.0), ``export`` and ``format`` on ``Classify`` (8.0.0) and other dense heads (8.4.x), and swaps
``C2f.forward`` for ``C2f.forward_split`` (8.0.8); flags that an older head does not know do nothing there.
"""

from __future__ import annotations

from torch import nn

_MAX_DET = 300


def set_export_flags(module: nn.Module) -> nn.Module:
    """Make a network put out what an exported one does, in place; its BatchNorms are not folded here."""
    from ultralytics.nn.modules import C2f, Classify, Detect, RTDETRDecoder

    for parameter in module.parameters():
        parameter.requires_grad_(False)
    module.eval()
    for m in module.modules():
        if isinstance(m, Detect | RTDETRDecoder):
            vars(m).update(dynamic=True, export=True, format="onnx", shape=None, xyxy=False, agnostic_nms=False)
            vars(m).update(max_det=_MAX_DET)
        elif isinstance(m, Classify) or type(m).__name__ in ("SemanticSegment", "Depth"):
            vars(m).update(export=True, format="onnx")
        elif isinstance(m, C2f):
            vars(m).update(forward=m.forward_split)
    return module
