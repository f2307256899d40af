"""The figures in the comments of Ultralytics' own files: which of them hold today, and how the others came about.

    python -m benchmarks.published --out docs/published.md

Each figure is searched among what the conventions give for the network: as printed today, as printed by old releases
(thop 2.0.18 and 2.0.0) at the default image size, at 1024x1024, with 80 classes. A comment whose parameters are those
of another file, and whose figures that file's comment has too, was copied from there.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from torch import nn

from benchmarks import shipped

TODAY = "as printed today"
OLD = "old release: no functional products, one 32-pixel image scaled by area"
OLD_FULL = "old release: no attention, at full size because its decoder could not run on a small image"
OLD_TRANSPOSED = "old release (thop 2.0.0): as above, and transposed convolutions counted 4 times"
OLD_1024 = "old release, at 1024x1024"
OLD_80 = "old release, built with 80 classes at 640x640"
COPIED = "copied from {}"
UNEXPLAINED = "unexplained"

OF_TODAY = "today's"
OF_80_CLASSES = "of 80 classes"
OF_THE_COPIED = "of the file copied from"

_COMMENT = re.compile(
    r"#[^\n#]*?([\d,]+) layers, ([\d,]+) parameters,(?: ([\d,]+) gradients,)? ([\d.]+) GFLOP", re.IGNORECASE
)
_SCALE = re.compile(r"^\s+(\w): \[")
_STEM = re.compile(r"^(yolo(?:e-)?v?\d+)(.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One comment.

    Attributes:
        yaml: File below ``ultralytics/cfg/models``.
        scale: Its scale; empty where the file has one only.
        layers, params, gradients, gflops: What the comment says.
    """

    yaml: str
    scale: str
    layers: int
    params: int
    gradients: int | None
    gflops: str

    @property
    def name(self) -> str:
        """Shipped name of the network."""
        stem = Path(self.yaml).stem
        found = _STEM.match(stem) if self.scale else None
        return stem if found is None else f"{found[1]}{self.scale}{found[2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A comment beside what is true.

    Attributes:
        published: The comment.
        params: Parameters of the network today.
        params_are: Which network's parameters the comment gives, one of the phrases above.
        explanation: Where its GFLOPs come from, one of the sentences above.
        gflops: The figure under the convention that explains it; None for a copied one, or where none does.
    """

    published: Published
    params: int
    params_are: str
    explanation: str
    gflops: float | None


@cache
def comments() -> tuple[Published, ...]:
    """Every comment with GFLOPs in the installed Ultralytics' files, by file and line."""
    spec = importlib.util.find_spec("ultralytics")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "cfg" / "models"
    found = []
    for file in sorted(folder.rglob("*.yaml"), key=lambda path: path.relative_to(folder).as_posix()):
        for line in file.read_text(encoding="utf-8").splitlines():
            if comment := _COMMENT.search(line):
                layers, params, gradients = (int(v.replace(",", "")) if v else None for v in comment.groups()[:3])
                assert layers is not None and params is not None
                found.append(
                    Published(
                        yaml=file.relative_to(folder).as_posix(),
                        scale=scale[1] if (scale := _SCALE.match(line)) else "",
                        layers=layers,
                        params=params,
                        gradients=gradients,
                        gflops=comment[4],
                    )
                )
    return tuple(found)


def explain(published: Published) -> Explained:
    """Find the network whose parameters, and the convention whose figure, a comment gives."""
    module = shipped.outline(published.name)
    params = _params(module)
    copied = None if params == published.params else _original(published)
    if copied is not None:
        params_are, explanation, gflops = OF_THE_COPIED, COPIED.format(copied), None
    else:
        params_are = OF_TODAY if params == published.params else _other_params(published)
        printed = _candidates(published.name, module)
        matches = ((text, value) for text, value in printed if f"{value:.1f}" == published.gflops)
        explanation, gflops = next(matches, (UNEXPLAINED, None))
    return Explained(published=published, params=params, params_are=params_are, explanation=explanation, gflops=gflops)


def _other_params(published: Published) -> str:
    fewer = _params(shipped.outline(published.name, classes=80))
    return OF_80_CLASSES if fewer == published.params else UNEXPLAINED


def _candidates(name: str, module: nn.Module) -> Iterable[tuple[str, float]]:
    """What each convention prints, the likeliest first; computed only as far as it is asked for."""
    from surgeon.models.ultralytics.proxies import proxy_images
    from surgeon.profiler.flops.conventions.figures import legacy, ultralytics

    side = shipped.side_of(name)
    images = proxy_images(module)
    yield TODAY, ultralytics(module, (side, side), images).gflops
    old = legacy(module, (side, side), images)
    yield OLD if old.extrapolated else OLD_FULL, old.gflops
    if any(isinstance(m, nn.ConvTranspose2d) for m in module.modules()):
        yield OLD_TRANSPOSED, legacy(module, (side, side), images, release="2.0.0").gflops
    yield OLD_1024, legacy(module, (1024, 1024), images).gflops
    if side != 640:
        fewer = shipped.outline(name, classes=80)
        yield OLD_80, legacy(fewer, (640, 640), proxy_images(fewer)).gflops


def _original(published: Published) -> str | None:
    """The other file whose network has these parameters and whose comment has these figures."""
    for other in comments():
        same = (other.scale, other.params, other.gflops) == (published.scale, published.params, published.gflops)
        if same and other.yaml != published.yaml and _params_of(other.name) == other.params:
            return other.yaml
    return None


@cache
def _params_of(name: str) -> int:
    return _params(shipped.outline(name))


def _params(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def page(rows: Sequence[Explained], recorded: dict[str, shipped.Record]) -> str:
    """The page as Markdown."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "ultralytics", "ultralytics-thop"))
    families = Counter(
        "copied from another file" if row.params_are == OF_THE_COPIED else row.explanation for row in rows
    )
    kinds = Counter(row.params_are for row in rows)
    lines = [
        "# Published figures",
        "",
        "Written by `python -m benchmarks.published --out docs/published.md`",
        f"({packages}).",
        "",
        f"The files that ship with Ultralytics carry {len(rows)} comments with a number of parameters and GFLOPs.",
        "The parameters are " + ", ".join(f"{kind} ({count})" for kind, count in kinds.most_common()) + ".",
        "Where the GFLOPs come from:",
        "",
        *(f"- {count}: {explanation}" for explanation, count in families.most_common()),
        "",
        "Exact is 2 × the MACs of convolution, linear layers, matrix products and attention, one image, unfused, at",
        "640x640 (classifiers 224x224); today is what `model.info()` prints there. How the conventions differ:",
        "[numbers.md](numbers.md).",
        "",
        "| network | params published | params today | GFLOPs published | today | exact "
        "| the parameters are | the GFLOPs are |",
        "|---|---:|---:|---:|---:|---:|---|---|",
    ]
    for row in rows:
        one, record = row.published, recorded[row.published.name]
        lines.append(
            f"| {one.name} | {one.params:,} | {row.params:,} | {one.gflops} | {record.ultralytics_gflops:.1f} "
            f"| {2 * record.macs / 1e9:.3f} | {row.params_are} | {row.explanation} |"
        )
    return "\n".join(lines) + "\n"


def main(report: Callable[[str], None] = print) -> None:
    """Explain every comment and write the page."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="write the page; exact figures come from profiles/shipped.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for published in comments():
        rows.append(explain(published))
        report(f"{published.name} {published.gflops}: {rows[-1].explanation}")
    if options.out is not None:
        options.out.write_text(page(rows, shipped.read()), encoding="utf-8")


if __name__ == "__main__":
    main()
