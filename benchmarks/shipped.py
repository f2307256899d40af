"""The record of every network that ships with Ultralytics, at every scale: what `profiles/shipped.csv` holds.

    python -m benchmarks.shipped --out profiles/shipped.csv
    python -m benchmarks.shipped --names 'yolo11*'

Deterministic: nothing is timed, and no weight is drawn. Classifiers are counted at 224x224, the others at 640x640, one
image, unfused.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import fnmatch
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

FILE = Path(__file__).parent.parent / "profiles" / "shipped.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One network.

    Attributes:
        name: Shipped name with its scale.
        imgsz: Side of the square image it was counted on.
        layers: Modules without children, as ``model.info()`` counts them.
        params: Number of parameters.
        trainable: Those that take a gradient, which is what ``model.info()`` calls gradients.
        macs: Exact MACs of convolution, linear layers, matrix products and attention.
        ultralytics_gflops: What ``model.info()`` prints, before it rounds to one decimal.
    """

    name: str
    imgsz: int
    layers: int
    params: int
    trainable: int
    macs: int
    ultralytics_gflops: float


def outline(name: str, *, classes: int | None = None) -> nn.Module:
    """A shipped network whose weights are undefined: enough for counting."""
    from surgeon.models.ultralytics.build import build_from_yaml
    from surgeon.models.ultralytics.skeleton import skeleton
    from surgeon.models.ultralytics.yaml_source import resolve_yaml

    source = resolve_yaml(name)
    data = source.data if classes is None else {**source.data, "nc": classes}
    with skeleton():
        return build_from_yaml(data, source.origin)


def side_of(name: str) -> int:
    """Side of the image on which a shipped network is trained by default."""
    return 224 if "-cls" in name else 640


def record(name: str) -> Record:
    """Count one network."""
    from surgeon.graph.layer import LayerGraph
    from surgeon.models.ultralytics.figures import info_layers
    from surgeon.models.ultralytics.proxies import proxy_images
    from surgeon.profiler.flops.conventions.figures import ultralytics
    from surgeon.profiler.flops.count import count

    module = outline(name)
    imgsz = (side_of(name), side_of(name))
    # Totals need no rows: everything is booked outside of them.
    counted = count(module, LayerGraph(name=name, family="ultralytics", layers=(), imgsz=imgsz), imgsz)
    if counted.counts.uncounted:
        raise SystemExit(f"{name} runs operators that nobody counts: {', '.join(counted.counts.uncounted)}")
    return Record(
        name=name,
        imgsz=imgsz[0],
        layers=info_layers(module),
        params=sum(p.numel() for p in module.parameters()),
        trainable=sum(p.numel() for p in module.parameters() if p.requires_grad),
        macs=counted.counts.macs,
        ultralytics_gflops=ultralytics(module, imgsz, proxy_images(module)).gflops,
    )


def as_csv(records: Iterable[Record]) -> str:
    """The file's text, a line a network."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in dataclasses.fields(Record)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(one) for one in records)
    return text.getvalue()


def read(path: Path = FILE) -> dict[str, Record]:
    """The recorded networks by name."""
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["name"]: _typed(row) for row in csv.DictReader(lines)}


def _typed(row: dict[str, str]) -> Record:
    kinds = {"name": str, "ultralytics_gflops": float}
    return Record(**{key: kinds.get(key, int)(value) for key, value in row.items()})  # type: ignore[arg-type]


def main() -> None:
    """Record what is asked for; known lines of the file stay."""
    import torch

    from surgeon.models.ultralytics.yaml_source import shipped_names

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--names", default="*", help="glob over the names")
    parser.add_argument("--out", type=Path, help="write these networks to the file, beside those that it has")
    options = parser.parse_args()
    torch.set_num_threads(1)
    known = read(options.out) if options.out is not None and options.out.is_file() else {}
    shipped = shipped_names()
    for name in fnmatch.filter(shipped, options.names):
        known[name] = record(name)
        print(known[name], flush=True)
        if options.out is not None:  # after each: an interrupted run keeps what it has
            kept = [known[n] for n in shipped if n in known]
            options.out.write_text(as_csv(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
