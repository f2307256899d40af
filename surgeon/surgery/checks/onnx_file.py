"""Running an ONNX file and reading what is in it. The packages are optional: ``pip install "yolo-surgeon[onnx]"``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor


class OnnxFile:
    """An ONNX graph, ready to run on the CPU.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        import onnx
        import onnxruntime

        self.node_names = tuple(node.name for node in onnx.load(str(path)).graph.node)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4  # what it raises says it all
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Outputs, and what enters the head, for an image ``(B, C, H, W)``."""
        names = [output.name for output in self._session.get_outputs()]
        found = [torch.from_numpy(array) for array in self._session.run(names, {"images": image.numpy()})]
        outputs = [t for name, t in zip(names, found, strict=True) if name.startswith("output")]
        features = [t for name, t in zip(names, found, strict=True) if name.startswith("feature")]
        return outputs, features

    def absent(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Those paths of planted modules of whose block no node bears the name.

        A node is called ``/network/model.10/block/conv/Conv``; what lies beside ``block`` is only the gate. A block
        that runs from a hook may stand under the module that called it: there the end of its path counts.
        """
        names = [f".{name.strip('/').replace('/', '.')}." for name in self.node_names]
        found = []
        for path in paths:
            last = path.rpartition(".")[2]
            wanted = [f".{path}.block."] if last.isdigit() else [f".{path}.block.", f".{last}.block."]
            if not any(text in name for text in wanted for name in names):
                found.append(path)
        return tuple(found)
