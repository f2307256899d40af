"""surgeon: FLOPs/latency profiling and model surgery for YOLO networks.

    import surgeon

    before = surgeon.open("yolov8n.yaml")
    after = before.insert("gam", after="backbone.9")
    surgeon.compare(before, after)
    after.save("yolov8n-gam.pt")

Importing surgeon imports no torch; names are loaded when they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surgeon.api import Model, compare
    from surgeon.api import open_model as open
    from surgeon.checking import check
    from surgeon.errors import SurgeonError
    from surgeon.profiler.flops.registry import register_macs, unregister_macs
    from surgeon.profiler.results import Comparison, ProfileResult
    from surgeon.profiler.settings import ProfileSettings
    from surgeon.recording import log_to_ultralytics, trace
    from surgeon.shown import open_results
    from surgeon.surgery.recipe import Insert, Recipe, Remove, Replace

_NAMES = {
    "Comparison": "surgeon.profiler.results:Comparison",
    "Insert": "surgeon.surgery.recipe:Insert",
    "Model": "surgeon.api:Model",
    "ProfileResult": "surgeon.profiler.results:ProfileResult",
    "ProfileSettings": "surgeon.profiler.settings:ProfileSettings",
    "Recipe": "surgeon.surgery.recipe:Recipe",
    "Remove": "surgeon.surgery.recipe:Remove",
    "Replace": "surgeon.surgery.recipe:Replace",
    "SurgeonError": "surgeon.errors:SurgeonError",
    "check": "surgeon.checking:check",
    "compare": "surgeon.api:compare",
    "open": "surgeon.api:open_model",
    "open_results": "surgeon.shown:open_results",
    "log_to_ultralytics": "surgeon.recording:log_to_ultralytics",
    "trace": "surgeon.recording:trace",
    "register_macs": "surgeon.profiler.flops.registry:register_macs",
    "unregister_macs": "surgeon.profiler.flops.registry:unregister_macs",
}

__all__ = [
    "Comparison",
    "Insert",
    "Model",
    "ProfileResult",
    "ProfileSettings",
    "Recipe",
    "Remove",
    "Replace",
    "SurgeonError",
    "check",
    "compare",
    "log_to_ultralytics",
    "open",
    "open_results",
    "register_macs",
    "trace",
    "unregister_macs",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name in _NAMES:
        module, _, attribute = _NAMES[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    if name == "blocks":
        return importlib.import_module("surgeon.blocks")
    raise AttributeError(f"module 'surgeon' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "blocks"])
