"""What a user of stock Ultralytics does with a file that surgeon wrote. Run as a script, in a fresh process.

Imports nothing of surgeon: whatever happens here, happens because the file was loaded. Prints one JSON line.

    python stock_session.py MODEL.pt DATA TASK FOLDER STEP…
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

IMGSZ = 64


def main(model: str, data: str, task: str, folder: str, *steps: str) -> None:
    """Run the steps in order and print what they found."""
    assert not any(name.split(".")[0] in ("surgeon", "yolo_surgeon") for name in sys.modules)
    found = {}
    for step in steps:
        found[step] = globals()[f"step_{step}"](Path(model), data, task, Path(folder))
    print(json.dumps(found))


def _open(path: Path):
    from ultralytics import YOLO

    model = YOLO(path)
    assert "yolo_surgeon" in sys.modules, "loading the file registers the rebuild"
    return model


def _planted(network):
    return [m for m in network.modules() if type(m).__name__ == "PlantedBlock"]


def step_predict(path, data, task, folder):
    import numpy as np

    best = folder / "train" / "weights" / "best.pt"
    model = _open(best if best.exists() else path)
    image = np.random.default_rng(0).integers(0, 255, (90, 140, 3), dtype=np.uint8)
    results = model.predict(image, imgsz=IMGSZ * 2, device="cpu", verbose=False)
    return {"images": len(results), "planted": len(_planted(model.model))}


def step_val(path, data, task, folder):
    """Validate with rectangular batches; the trained file where there is one (its classes are the dataset's)."""
    best = folder / "train" / "weights" / "best.pt"
    model = _open(best if best.exists() else path)
    extra = {} if task == "classify" else {"rect": True}
    metrics = model.val(
        data=data,
        imgsz=96,
        batch=2,
        workers=0,
        device="cpu",
        plots=False,
        verbose=False,
        **extra,
        project=str(folder),
        name="val",
        exist_ok=True,
    )
    return {"fitness": float(metrics.fitness)}


def _train(path, data, folder, name, **extra):
    import torch

    model = _open(path)
    before = {n: t.clone() for n, t in model.model.state_dict().items()}
    seen = {}

    def compare(trainer):
        state = trainer.model.state_dict()
        seen["lost"] = [n for n, t in before.items() if n not in state or not torch.equal(t, state[n].to(t.dtype))]

    def first_loss(trainer):
        seen.setdefault("loss", float(trainer.loss))

    def last_gates(trainer):
        gates = [block.gate_logit_scale for block in _planted(trainer.model)]
        seen["gate_moved"] = bool(gates) and all(bool(gate.any()) for gate in gates if gate is not None)

    model.add_callback("on_pretrain_routine_end", compare)
    model.add_callback("on_train_batch_end", first_loss)
    model.add_callback("on_train_end", last_gates)
    arguments = {
        "epochs": 1,
        "imgsz": IMGSZ,
        "batch": 4,
        "workers": 0,
        "device": "cpu",
        "plots": False,
        "verbose": False,
        "project": str(folder),
        "name": name,
        "exist_ok": True,
        "seed": 0,
        "deterministic": True,
        **extra,
    }
    model.train(data=data, **arguments)
    return model, seen


def step_train(path, data, task, folder):
    """Train; the result must still hold the block, and its gate must have moved.

    That is read from the network in training: the file holds a running mean in half precision, where the first steps
    of a gate may round to zero.
    """
    import torch

    _, seen = _train(path, data, folder, "train")
    best = folder / "train" / "weights" / "best.pt"
    again = _open(best)
    state = again.model.state_dict()
    return {
        **seen,
        "best": str(best),
        "planted": len(_planted(again.model)),
        "finite": all(bool(torch.isfinite(t).all()) for t in state.values() if t.is_floating_point()),
        "tensors": len(state),
    }


def step_resume(path, data, task, folder):
    """Interrupt a training of two epochs after the first, then resume it from last.pt."""
    from ultralytics import YOLO

    class Interrupted(Exception):
        pass

    def interrupt(trainer):
        raise Interrupted

    model = _open(path)
    model.add_callback("on_model_save", interrupt)
    with contextlib.suppress(Interrupted):
        model.train(
            data=data,
            epochs=2,
            imgsz=IMGSZ,
            batch=4,
            workers=0,
            device="cpu",
            plots=False,
            verbose=False,
            project=str(folder),
            name="resume",
            exist_ok=True,
        )
    last = folder / "resume" / "weights" / "last.pt"
    resumed = YOLO(last)
    seen = {}
    resumed.add_callback("on_train_start", lambda trainer: seen.update(start=trainer.start_epoch))
    resumed.train(resume=True, workers=0, device="cpu")
    return {"start_epoch": seen["start"], "planted": len(_planted(YOLO(last).model))}


def step_precision(path, data, task, folder):
    """fuse(), half, bfloat16, EMA copy: finite, and close to the float32 network."""
    import copy

    import torch
    from ultralytics.utils.torch_utils import ModelEMA

    network = _open(path).model.eval()
    _open_gates(network)
    image = torch.rand(1, 3, 128, 96)
    found = {}
    with torch.no_grad():
        reference = _first(network(image))
        fused = copy.deepcopy(network).fuse(verbose=False)
        found["fused"] = _relative(_first(fused(image)), reference)
        assert len(_planted(fused)) == len(_planted(network))
        ema = ModelEMA(network)
        ema.update(network)
        found["ema"] = _relative(_first(ema.ema(image)), reference)
        for dtype in (torch.float16, torch.bfloat16):
            low = _first(copy.deepcopy(network).to(dtype)(image.to(dtype)))
            found[str(dtype)] = bool(torch.isfinite(low).all())
    found["amp"] = _amp_step(network)
    return found


def _amp_step(network):
    """One training step under autocast: the loss and every gradient are finite."""
    import torch
    from ultralytics.cfg import get_cfg

    network.args = get_cfg()
    network.train().requires_grad_(True)
    batch = {
        "img": torch.rand(2, 3, 64, 96),
        "cls": torch.tensor([[1.0], [0.0]]),
        "batch_idx": torch.tensor([0.0, 1.0]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4]] * 2),
    }
    if hasattr(network, "txt_feats"):  # YOLO-World reads its classes as text embeddings
        batch["txt_feats"] = network.txt_feats.expand(2, -1, -1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = network.loss(batch)[0].sum()
    loss.backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    return bool(torch.isfinite(loss)) and len(gradients) > 0 and all(bool(torch.isfinite(g).all()) for g in gradients)


def step_onnx(path, data, task, folder):
    """``yolo export format=onnx``, gates open: ONNX Runtime equals PyTorch at sizes the export never saw."""
    import copy

    import numpy as np
    import onnx
    import onnxruntime
    import torch

    model = _open(path)
    closed = _exportable(copy.deepcopy(model.model).eval().fuse(verbose=False))
    _open_gates(model.model)
    network = _exportable(copy.deepcopy(model.model).eval().fuse(verbose=False))
    exported = Path(model.export(format="onnx", imgsz=160, dynamic=True, device="cpu", verbose=False))
    graph = onnx.load(exported).graph
    planted = {id(block) for block in _planted(network)}
    paths = [path for path, module in network.named_modules() if id(module) in planted]
    nodes = min(_nodes_of(path, [node.name for node in graph.node]) for path in paths)
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    relative, worst, moved = 0.0, 0.0, 0.0
    for batch, height, width in ((1, 128, 128), (2, 96, 160), (1, 160, 128)):  # 300 anchors or more, as heads select
        image = torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(height))
        with torch.no_grad():
            expected, without = _first(network(image)).numpy(), _first(closed(image)).numpy()
        got = session.run(None, {session.get_inputs()[0].name: image.numpy()})[0]
        if expected.shape[-1] == 6:
            # An end-to-end head ranks its boxes: near ties change places, the ranked scores do not.
            expected, without, got = (a[..., 4][:, None] for a in (expected, without, got))
        relative = max(relative, float(np.abs(got - expected).max() / max(1.0, np.abs(expected).max())))
        # Channel by channel too: a box in pixels must not hide an error in a score.
        axes = tuple(a for a in range(expected.ndim) if a != 1)
        scale = np.maximum(np.abs(expected).max(axis=axes, keepdims=True), 1e-2)
        worst = max(worst, float((np.abs(got - expected) / scale).max()))
        moved = max(moved, float((np.abs(without - expected) / scale).max()))
    return {"nodes": nodes, "relative": relative, "worst": worst, "moved": moved}


def _nodes_of(path, names):
    """Nodes of one planted block; torch names what runs in a hook after the module around the host."""
    names = [name.replace("/", ".") for name in names]
    if any(f".{path}." in name for name in names):
        return sum(f".{path}." in name for name in names)
    host, _, child = path.rpartition(".")
    around = host.split(".")
    scopes = [".".join(around[:end]) for end in range(len(around) - 1, -1, -1)]
    found = (sum(f".{scope}.{child}.".replace("..", ".") in name for name in names) for scope in scopes)
    return next((count for count in found if count), 0)


def _exportable(network):
    head = network.model[-1]
    head.export, head.format, head.dynamic = True, "onnx", True
    return network


def _open_gates(network):
    import torch

    with torch.no_grad():
        for block in _planted(network):
            if block.gate_logit_scale is not None:
                block.gate_logit_scale.fill_(1.0)


def _first(output):
    while isinstance(output, (list, tuple)):
        output = output[0]
    return output


def _relative(a, b):
    return float((a - b).abs().max() / b.abs().max().clamp(min=1.0))


if __name__ == "__main__":
    main(*sys.argv[1:])
