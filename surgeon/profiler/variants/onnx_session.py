"""ONNX Runtime on its CPU provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.variants.fed import Shared
from surgeon.profiler.variants.session import exported, session_refusal
from surgeon.profiler.variants.variant import Built, WriteOnnx


class OnnxRuntime:
    """The exported graph in a session with the settings' threads, which do not spin while they wait.

    Args:
        write: Exports the network; None where nothing can.
    """

    name = "onnxruntime"

    def __init__(self, write: WriteOnnx | None) -> None:
        self._write = write

    def build(self, module: nn.Module, images: Tensor, settings: ProfileSettings) -> Built | str:
        """A session of an export."""
        refusal = session_refusal("ONNX Runtime", ("onnx", "onnxruntime"), settings, self._write)
        if refusal or self._write is None:
            return refusal
        session = exported(self._write, module, images, lambda path: open_session(path, settings.threads))
        name = session.get_inputs()[0].name

        def run(given: Tensor) -> object:
            return session.run(None, {name: given.numpy()})

        return Built(module=Shared(run), precision="float32", once=True)


def open_session(path: Path, threads: int) -> Any:
    """A session of a graph, for timing beside other networks.

    Args:
        path: The ``.onnx`` file; it is read completely.
        threads: Threads inside an operator; operators run one after the other.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    for kind in ("intra_op", "inter_op"):  # a spinning thread takes the CPU from whoever is timed next
        options.add_session_config_entry(f"session.{kind}.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
