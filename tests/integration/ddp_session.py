"""One of two processes that train one edited file with Ultralytics' trainer under DistributedDataParallel, on the CPU.

Run under ``torch.distributed.run``. Stock Ultralytics has no such mode: it counts devices, and of ``cpu`` there are
none. So the trainer here says what a second GPU would make it say, and joins the processes by gloo instead of NCCL;
the network, its wrapping, the optimizer, the average and the checkpoint are Ultralytics' own.

    torchrun --nproc_per_node=2 ddp_session.py MODEL.pt DATA FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
from torch import distributed, nn
from ultralytics import YOLO
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import DEFAULT_CFG

RANK, WORLD = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
STEPS: list[dict] = []


class GlooTrainer(DetectionTrainer):
    """Ultralytics' trainer, whose devices are processes on the CPU."""

    def __init__(self, cfg=DEFAULT_CFG, overrides=None, _callbacks=None):
        super().__init__(cfg, overrides, _callbacks)
        self.world_size = WORLD

    def _setup_ddp(self):
        distributed.init_process_group("gloo", rank=RANK, world_size=WORLD)
        stock = nn.parallel.DistributedDataParallel

        def on_cpu(module, *_, device_ids=None, **options):
            return stock(module, **options)

        nn.parallel.DistributedDataParallel = on_cpu

    def optimizer_step(self):
        parameters = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        block = {name: p for name, p in parameters.items() if f".{self.planted}." in name}
        seen = {
            "wrapped": type(self.model).__name__,
            "gradients_equal": equal(p.grad for p in parameters.values() if p.grad is not None),
            "without_gradient": [name for name, p in parameters.items() if p.grad is None],
            "gate_gradient": max(float(p.grad.abs().max()) for n, p in block.items() if n.endswith("gate_logit_scale")),
        }
        super().optimizer_step()
        seen["parameters_equal"] = equal(parameters.values())
        STEPS.append(seen)

    @property
    def planted(self) -> int:
        """Row of the planted block."""
        return next(int(m.i) for m in self.model.modules() if type(m).__name__ == "PlantedBlock")

    def final_eval(self):
        """Left out: the validator picks a CUDA device whenever the rank is set."""


def equal(tensors) -> bool:
    """Whether the other process holds the same tensors, bit for bit."""
    mine = torch.cat([t.detach().flatten() for t in tensors])
    both = [torch.empty_like(mine) for _ in range(WORLD)]
    distributed.all_gather(both, mine)
    return all(torch.equal(mine, other) for other in both)


def main(path: str, data: str, folder: str) -> None:
    """Train; each process writes what it saw."""
    assert not any(name.split(".")[0] in ("surgeon", "yolo_surgeon") for name in sys.modules)
    model = YOLO(path)
    model.train(
        trainer=GlooTrainer,
        data=data,
        epochs=1,
        imgsz=64,
        batch=4,
        nbs=4,
        device="cpu",
        workers=0,
        plots=False,
        verbose=False,
        project=folder,
        name="ddp",
        exist_ok=True,
    )
    Path(folder, f"rank{RANK}.json").write_text(json.dumps({"steps": STEPS, "planted": planted(model.model)}))


def planted(network) -> int:
    """Number of planted blocks; in the first process of the written checkpoint, which Ultralytics has loaded."""
    return sum(type(m).__name__ == "PlantedBlock" for m in network.modules())


if __name__ == "__main__":
    main(*sys.argv[1:])
