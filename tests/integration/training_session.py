"""A stock ``yolo …`` command line with a recorder in Ultralytics' own callbacks. Run as a script, in a fresh process.

Imports nothing of surgeon (without ``--registered``): whatever is rebuilt is rebuilt because the file was loaded.
Prints one JSON line last.

    python training_session.py [--registered] train model=FILE.pt data=data.yaml …
"""

from __future__ import annotations

import json
import os
import sys

GATE = "gate_logit_scale"


class Interrupted(Exception):
    """What stops a run where SURGEON_TEST_STOP says so, as a power cut would."""


class Recorder:
    """What the trainer did, in numbers that compare exactly (floats as hexadecimal texts)."""

    def __init__(self) -> None:
        self.found: dict = {"losses": [], "gates": [], "gate_lr": [], "finite": True}
        self._before: dict = {}

    def __deepcopy__(self, memo) -> Recorder:
        """Ultralytics copies its callbacks deeply; there is one recorder."""
        return self

    def ready(self, trainer) -> None:
        """Everything is set up, nothing was trained."""
        import torch
        from ultralytics.nn.tasks import parse_model

        network = trainer.model
        self._before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        self.found |= {
            "optimizer": type(trainer.optimizer).__name__,
            "start_epoch": trainer.start_epoch,
            "groups": self._groups(trainer),
            "trainable": [name for name, p in network.named_parameters() if p.requires_grad],
            "parameters": [name for name, _ in network.named_parameters()],
            "wrapped": hasattr(parse_model, "__wrapped__"),
            "ema_equal": all(
                torch.equal(tensor, trainer.ema.ema.state_dict()[name]) for name, tensor in self._before.items()
            ),
            "ema_planted": sum(type(m).__name__ == "PlantedBlock" for m in trainer.ema.ema.modules()),
        }

    def batch_done(self, trainer) -> None:
        """One batch: its loss, every gate, the learning rate the gate was given."""
        import torch

        items = trainer.loss_items
        values = list(items.values()) if isinstance(items, dict) else list(items)
        self.found["losses"].append([float(v.detach()).hex() for v in (trainer.loss, *values)])
        gates = [p.detach() for name, p in trainer.model.named_parameters() if name.endswith(GATE)]
        self.found["gates"].append([float(g.abs().max()) for g in gates])
        ids = {id(p) for name, p in trainer.model.named_parameters() if name.endswith(GATE)}
        groups = [g for g in trainer.optimizer.param_groups if any(id(p) in ids for p in g["params"])]
        self.found["gate_lr"].append(sorted(g["lr"] for g in groups))
        self.found["finite"] &= bool(torch.isfinite(trainer.loss)) and all(bool(torch.isfinite(g).all()) for g in gates)

    def done(self, trainer) -> None:
        """Which tensors moved, in the network and in its average."""
        import torch

        state, average = trainer.model.state_dict(), trainer.ema.ema.state_dict()
        self.found["changed"] = [n for n, t in self._before.items() if not torch.equal(t, state[n])]
        self.found["ema_changed"] = [n for n, t in self._before.items() if not torch.equal(t, average[n].to(t.dtype))]
        self.found["all_finite"] = all(bool(torch.isfinite(t).all()) for t in state.values() if t.is_floating_point())
        self.found["last"] = str(trainer.last)

    def _groups(self, trainer) -> list[dict]:
        """The optimizer's groups: their settings, the names of their gates, and how many tensors they hold."""
        names = {id(p): name for name, p in trainer.model.named_parameters()}
        rows = []
        for position, group in enumerate(trainer.optimizer.param_groups):
            held = [names[id(p)] for p in group["params"]]
            rows.append(
                {
                    "position": position,
                    "weight_decay": group["weight_decay"],
                    "use_muon": bool(group.get("use_muon", False)),
                    "role": group.get("param_group"),
                    "gates": [name for name in held if name.endswith(GATE)],
                    "biases": [name for name in held if name.endswith(".bias")],
                    "tensors": len(held),
                }
            )
        return rows


def main(arguments: list[str]) -> None:
    """Run ``yolo`` with these arguments and print what was recorded."""
    assert not any(name.split(".")[0] in ("surgeon", "yolo_surgeon") for name in sys.modules)
    if arguments[0] == "--registered":
        # What `surgeon yolo` and the autoload do: a .yaml, unlike a .pt, names nothing to import.
        import yolo_surgeon  # noqa: F401

        arguments = arguments[1:]
    sys.argv[:] = ["yolo", *arguments]  # read when ultralytics is imported
    from ultralytics.cfg import entrypoint
    from ultralytics.utils import callbacks

    recorder = Recorder()
    events = callbacks.default_callbacks
    events["on_pretrain_routine_end"].append(recorder.ready)
    events["on_train_batch_end"].append(recorder.batch_done)
    events["on_train_epoch_end"].append(recorder.done)
    stop = os.environ.get("SURGEON_TEST_STOP")
    if stop:

        def interrupt(trainer) -> None:
            raise Interrupted

        events[stop].append(interrupt)
    try:
        entrypoint()
    except Interrupted:
        recorder.found["interrupted"] = True
    print(json.dumps(recorder.found))


if __name__ == "__main__":
    main(sys.argv[1:])
