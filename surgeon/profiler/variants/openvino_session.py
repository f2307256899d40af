"""OpenVINO on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.variants.fed import Shared
from surgeon.profiler.variants.session import exported, session_refusal
from surgeon.profiler.variants.variant import Built, WriteOnnx

PRECISION = "INFERENCE_PRECISION_HINT"


class OpenVino:
    """The exported graph, compiled by OpenVINO in float32: left alone it computes in bfloat16 where the CPU can.

    Args:
        write: Exports the network; None where nothing can.
    """

    name = "openvino"

    def __init__(self, write: WriteOnnx | None) -> None:
        self._write = write

    def build(self, module: nn.Module, images: Tensor, settings: ProfileSettings) -> Built | str:
        """A request of an export, unless its precision could not be held."""
        refusal = session_refusal("OpenVINO", ("onnx", "openvino"), settings, self._write)
        if refusal or self._write is None:
            return refusal
        compiled = exported(self._write, module, images, lambda path: _compile(path, settings.threads))
        held = _name_of(compiled.get_property(PRECISION))
        if held != "f32":
            return f"it was asked for float32 and says that it computes in {held}"
        request = compiled.create_infer_request()

        def run(given: Tensor) -> object:
            return list(request.infer([given.numpy()], share_inputs=True).values())

        return Built(module=Shared(run), precision="float32", once=True)


def _compile(path: Path, threads: int) -> Any:
    import openvino

    core = openvino.Core()
    core.set_property({"ENABLE_MMAP": False})  # the file is removed
    settings = {
        PRECISION: "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # a pinned thread waits on a busy core
        "CPU_DENORMALS_OPTIMIZATION": True,  # as it is for eager while timing
    }
    return core.compile_model(core.read_model(str(path)), "CPU", settings)


def _name_of(precision: Any) -> str:
    """``f32`` of OpenVINO's type, or of its name."""
    named = getattr(precision, "get_type_name", None)
    return str(named() if callable(named) else precision)
