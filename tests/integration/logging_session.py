"""One epoch with stock Ultralytics and ``surgeon.log_to_ultralytics``. Run as a script, in a fresh process.

Ultralytics keeps its loggers off under pytest, whence the process of its own. Prints one JSON line last: the losses,
and what was logged as the logger's own reader finds it.

    python logging_session.py (tensorboard|mlflow) MODEL data.yaml FOLDER [--silent]
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main(logger: str, model: str, data: str, folder: str, *flags: str) -> None:
    store = f"sqlite:///{Path(folder) / 'mlflow.db'}"
    os.environ.update(MLFLOW_TRACKING_URI=store, MLFLOW_EXPERIMENT_NAME="surgeon")
    os.chdir(folder)
    from ultralytics import YOLO, settings

    import surgeon

    names = ("clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")
    settings.update({name: name == logger for name in names})
    yolo = YOLO(model)
    if "--silent" not in flags:
        surgeon.log_to_ultralytics(yolo)
    losses: list[str] = []
    yolo.add_callback("on_train_batch_end", lambda trainer: losses.append(float(trainer.loss).hex()))
    yolo.train(
        data=data,
        epochs=1,
        imgsz=64,
        batch=4,
        workers=0,
        device="cpu",
        project=folder,
        name="run",
        plots=False,
        val=False,
    )
    run = Path(yolo.trainer.save_dir)
    found = {"tensorboard": tensorboard, "mlflow": mlflow}[logger](run, store)
    print(json.dumps({"losses": losses, "params": sum(p.numel() for p in yolo.trainer.model.parameters()), **found}))


def tensorboard(run: Path, _store: str) -> dict[str, Any]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run))
    events.Reload()
    scalars = {tag: events.Scalars(tag)[0].value for tag in events.Tags()["scalars"]}
    texts = [tag for tag in events.Tags()["tensors"] if tag.endswith("/text_summary")]
    report = events.Tensors(texts[0])[0].tensor_proto.string_val[0].decode() if texts else ""
    return {"scalars": scalars, "report": report}


def mlflow(_run: Path, store: str) -> dict[str, Any]:
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=store)
    (run,) = client.search_runs([client.get_experiment_by_name("surgeon").experiment_id])
    report = client.download_artifacts(run.info.run_id, "surgeon/report.md")
    return {"scalars": run.data.metrics, "report": Path(report).read_text("utf-8"), "status": run.info.status}


if __name__ == "__main__":
    main(*sys.argv[1:])
