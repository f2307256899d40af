"""The forms in which a network is deployed: BatchNorm folded, and ONNX. Always with the gates open.

A fuse or an exporter that loses the block gives, with a closed gate, exactly the right output.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from surgeon.graph.network import Network
from surgeon.surgery.checks.copies import NONE, Difference, difference, image_of, open_copy
from surgeon.surgery.checks.onnx_file import OnnxFile
from surgeon.surgery.checks.outcome import Check
from surgeon.surgery.checks.passes import Passes, Seen, Size, first_line, look, size_text

_BATCHES = (1, 2)


def check_fused(passes: Passes) -> Iterator[Check]:
    """The check ``fuse``: the folded network computes the same, and still calls every block."""
    size, planted = passes.sizes[0], passes.plan.planted
    image = image_of(passes.before, size)
    original = passes.before.deployed()
    if original is None:
        detail = "this framework folds nothing: the network is deployed as it is"
        yield Check(name="fuse", passed=True, detail=detail, ran=False)
        return
    baseline = difference(look(passes.before.copied(), image), look(original, image))
    opened = open_copy(passes)
    try:
        fused = opened.deployed()
        assert fused is not None
        seen = look(fused, image, planted)
    except Exception as error:  # a user's own block raises what it likes
        detail = f"the edited network cannot be folded or run then: {first_line(error)}"
        yield Check(name="fuse", passed=False, detail=detail)
        return
    missing = [key for key in planted if not seen.calls[key]]
    if missing:
        yield Check(name="fuse", passed=False, detail=f"the folded network no longer calls {', '.join(missing)}")
        return
    found = difference(look(opened, image), seen)
    detail = f"folded and unfolded network, gates open, differ relatively: {found.beside(baseline)}"
    yield Check(name="fuse", passed=found.within(baseline), detail=detail)


def check_onnx(passes: Passes) -> Iterator[Check]:
    """The checks ``onnx nodes`` and ``onnx``: the blocks are in the graph, and it computes the same at other sizes."""
    before, after = passes.before.copied(), open_copy(passes)
    size = passes.sizes[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.onnx")
        original, dynamic = _original(before, path, size)
        if original is None:
            detail = "the unedited network itself cannot be exported; nothing to compare"
            yield Check(name="onnx", passed=True, detail=detail, ran=False)
            return
        try:
            after.export(path, image_of(after, size), dynamic=dynamic)
            edited = OnnxFile(path)
        except Exception as error:  # exporter and runtime raise what they like
            yield Check(name="onnx", passed=False, detail=f"the edited network cannot be exported: {first_line(error)}")
            return
    images = [image_of(before, size)]
    if dynamic:
        images = [image_of(before, unseen, batch) for unseen in _sizes(passes) for batch in _BATCHES]
    yield _nodes(passes, original, edited)
    yield _parity(before.exportable(), after.exportable(), original, edited, images)


def _original(before: Network, path: Path, size: Size) -> tuple[OnnxFile | None, bool]:
    """The unedited network's graph, and whether its sides are open; some networks can only be exported at one size."""
    for dynamic in (True, False):
        try:
            before.export(path, image_of(before, size), dynamic=dynamic)
            return OnnxFile(path), dynamic
        except Exception:
            continue
    return None, False


def _sizes(passes: Passes) -> tuple[Size, ...]:
    """Sizes that the exporter has not seen."""
    stride = passes.before.max_stride
    return (*passes.sizes[1:], (5 * stride, 4 * stride), (6 * stride, 6 * stride))


def _parity(before: Network, after: Network, original: OnnxFile, edited: OnnxFile, images: list[Tensor]) -> Check:
    worst, baseline, refused = NONE, NONE, 0
    for image in images:
        try:
            reference = _difference(look(before, image), original, image)
        except Exception:  # a graph that takes one size only, or one image
            refused += 1
            continue
        baseline = baseline.worse(reference)
        where = f"{image.shape[-2]}x{image.shape[-1]}, batch {len(image)}"
        try:
            found = _difference(look(after, image), edited, image)
        except Exception as error:
            detail = f"the exported graph cannot run at {where}, the unedited network's can: {first_line(error)}"
            return Check(name="onnx", passed=False, detail=detail)
        if not found.within(reference):
            detail = f"ONNX Runtime and PyTorch, gates open, differ at {where}: {found.beside(reference)}"
            return Check(name="onnx", passed=False, detail=detail)
        worst = worst.worse(found)
    sizes = size_text(dict.fromkeys((image.shape[-2], image.shape[-1]) for image in images))
    if refused == len(images):
        detail = "the unedited network's own exported graph runs at none of the sizes tried; nothing to compare"
        return Check(name="onnx", passed=True, detail=detail, ran=False)
    batches = ", batch 1 and 2" if len(images) > 1 else ", the only size that the unedited network can be exported at"
    detail = f"ONNX Runtime and PyTorch, gates open, at {sizes}{batches}, differ: {worst.beside(baseline)}"
    if refused:
        detail += f"; {refused} of {len(images)} left out, where the unedited network's graph does not run"
    return Check(name="onnx", passed=True, detail=detail)


def _difference(seen: Seen, graph: OnnxFile, image: Tensor) -> Difference:
    outputs, features = graph.run(image)
    return difference(seen, Seen(outputs=outputs, features=features))


def _nodes(passes: Passes, original: OnnxFile, edited: OnnxFile) -> Check:
    planted = passes.plan.planted
    more = len(edited.node_names) - len(original.node_names)
    absent = edited.absent(planted.values())
    if absent:
        detail = f"the exported graph has no node of {', '.join(absent)} ({more:+d} nodes)"
        return Check(name="onnx nodes", passed=False, detail=detail)
    blocks = f"nodes of {', '.join(planted)}" if planted else "no block was planted"
    return Check(name="onnx nodes", passed=True, detail=f"in the exported graph: {blocks} ({more:+d} nodes)")
