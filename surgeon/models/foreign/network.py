"""A network of another repository as the checks of an edit see it."""

from __future__ import annotations

import contextlib
import copy
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.models.exporting import export_onnx
from surgeon.models.foreign.rebuilding import parser_of, quiet, rebuild
from surgeon.models.fresh_process import outputs_of_file
from surgeon.models.modules.reader import image_channels
from surgeon.models.probing import evaluating, tensors_in

_EXPORT_FLAGS = {"dynamic": True, "export": True, "decode_in_inference": False}
"""YOLOv5 and YOLOv9 set ``dynamic`` and ``export`` of their heads, YOLOX leaves the decoding to the caller."""


def set_export_flags(module: nn.Module) -> nn.Module:
    """Make a network put out what an exported one does, in place."""
    for m in module.modules():
        for flag, value in _EXPORT_FLAGS.items():
            if isinstance(getattr(m, flag, None), bool):
                setattr(m, flag, value)
    return module


class ForeignNetwork:
    """Implements `surgeon.graph.network.Network`.

    Args:
        module: The network.
        head: Path of its last stage, whose inputs are the feature maps that enter the head.
        stride: Largest stride; image sides are multiples of it.
    """

    def __init__(self, module: nn.Module, head: str, stride: int) -> None:
        self._module = module
        self._head = head
        self._stride = stride

    @property
    def module(self) -> nn.Module:
        """The ``nn.Module``."""
        return self._module

    @property
    def in_channels(self) -> int:
        """Channels of the image it reads."""
        return image_channels(self._module)

    @property
    def max_stride(self) -> int:
        """Largest stride; image sides are multiples of it."""
        return self._stride

    def observe(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Every tensor that the network puts out in evaluation mode, and the feature maps that enter its last stage."""
        features: list[Tensor] = []

        def take(_: nn.Module, args: Any) -> None:
            features.extend(tensors_in(args))

        handle = self._module.get_submodule(self._head).register_forward_pre_hook(take)
        try:
            with self._undisturbed():
                outputs = list(tensors_in(self._module(image)))
        finally:
            handle.remove()
        return outputs, features

    def wiring(self) -> Sequence[tuple[int, Any]]:
        """``(i, f)`` of each row and the set of kept rows; the names of all modules where there are no rows."""
        rows = getattr(self._module, "model", None)
        if isinstance(rows, nn.Sequential) and hasattr(self._module, "save"):
            return [*((int(r.i), r.f) for r in rows), (-1, sorted(set(self._module.save)))]  # type: ignore[arg-type]
        return list(enumerate(name for name, _ in self._module.named_modules()))

    def rebuilt(self) -> ForeignNetwork:
        """The network that its repository's parser builds from ``model.yaml``, or that its own file gives back."""
        return ForeignNetwork(rebuild(self._module), self._head, self._stride)

    @property
    def described(self) -> bool:
        """Whether its repository's parser can build it."""
        return parser_of(self._module) is not None

    def copied(self) -> ForeignNetwork:
        """An independent copy in float32 on the CPU."""
        return ForeignNetwork(copy.deepcopy(self._module).cpu().float(), self._head, self._stride)

    def deployed(self) -> ForeignNetwork | None:
        """A copy folded by the network's own ``fuse()``; None where it has none."""
        if not hasattr(self._module, "fuse"):
            return None
        with quiet():
            fused = self.copied().module.eval().fuse()  # type: ignore[operator]
        return ForeignNetwork(fused, self._head, self._stride) if isinstance(fused, nn.Module) else None

    def exportable(self) -> ForeignNetwork:
        """A copy with the flags that these repositories' export scripts set on their heads."""
        ready = self.copied()
        set_export_flags(ready.module)
        return ready

    def export(self, path: Path, image: Tensor, *, dynamic: bool) -> None:
        """Write the ONNX graph of the network in evaluation mode."""
        ready = self.exportable()
        ready.module.eval()
        export_onnx(ready.module, ready.observe, image, path, dynamic=dynamic)

    def train_outputs(self, image: Tensor) -> list[Tensor]:
        """Every tensor put out in training mode under seed 0."""
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            return list(tensors_in(self._module.train()(image)))

    def first_losses(self, image: Tensor) -> list[Tensor] | None:
        """None: every repository has a loss of its own."""
        return None

    def outputs_of(self, path: Path, image: Tensor) -> list[Tensor]:
        """What plain torch puts out, having loaded the file where the network's own package is importable."""
        home = sys.modules[type(self._module).__module__.partition(".")[0]]
        file = getattr(home, "__file__", None)
        root = Path(file).resolve().parent if file else None
        folders = [str(root.parent if Path(str(file)).name == "__init__.py" else root)] if root else []
        load = "network = torch.load(sys.argv[1], weights_only=False)['model']"
        return outputs_of_file(path, image, load, folders=folders)

    @contextlib.contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Evaluation mode; what heads keep between calls (grids, sizes) as plain attributes is put back."""
        kept = {m: {k: list(v) if type(v) is list else v for k, v in vars(m).items()} for m in self._module.modules()}
        try:
            with evaluating(self._module):
                yield
        finally:
            for m, state in kept.items():
                training = m.training
                vars(m).clear()
                vars(m).update(state)
                m.training = training
