"""Every network that ships with Ultralytics, at every scale: each module's figure is its closed form, nothing is lost.

The shapes are those of a plain pass without our modes (`closed_form`); PyTorch's own counter is asked for the total.
"""

from __future__ import annotations

import functools

import pytest
from closed_form import closed_form, flop_counter
from profiler_support import ultralytics_graph, ultralytics_model
from torch import Tensor, nn

from benchmarks import shipped
from surgeon.models.ultralytics.yaml_source import shipped_names
from surgeon.profiler.flops.count import ModelCount, count

SAMPLE = (
    *("yolov5n-p6", "yolov8n-worldv2", "yolov9t", "yolov10n", "yolo11n-cls", "yolo12n", "yolo26n-seg", "rtdetr-l"),
    *("yolo26n-depth",),
)
SMALL = {
    "yolov8n": (64, 96),
    "yolo12n-seg": (96, 64),
    "yolov8n-cls": (64, 64),
    "rtdetr-l": (192, 160),  # its head picks 300 places
}


def at(name: str, module: nn.Module) -> list[tuple[int, int, int]]:
    """Batch and size: as shipped, and one that nothing is tuned for."""
    coarse = float(max(module.stride)) > 32
    return [(1, shipped.side_of(name), shipped.side_of(name)), (2, *((384, 448) if coarse else (352, 480)))]


def own_work(found: ModelCount) -> dict[str, int]:
    """MACs by module, submodules apart."""
    own: dict[str, int] = {}
    for tally in found.tallies:
        own[tally.path] = own.get(tally.path, 0) + tally.executed
    return {path: macs for path, macs in own.items() if macs}


def check(name: str) -> None:
    module = shipped.outline(name)
    for batch, *size in at(name, module):
        found = count(module, ultralytics_graph(module), tuple(size), batch)
        assert (found.counted_on, found.counts.uncounted) == ("meta", ())
        expected = closed_form(module, (batch, 3, *size))
        assert own_work(found) == dict(+expected)
        total = expected.total()
        sums_to(total, found)
        if batch == 1:
            assert total == recorded()[name].macs == flop_counter(module, (1, 3, *size))


def sums_to(total: int, found: ModelCount) -> None:
    assert found.counts.macs == found.counts.executed == total > 0
    assert sum(row.macs for row in found.rows.values()) == sum(row.executed for row in found.rows.values()) == total
    assert found.outside.executed == 0
    assert sum(found.by_operator().values()) == total
    tree = found.by_module()
    assert tree[""] == total == sum(macs for path, macs in own_work(found).items())
    for path, row in found.rows.items():
        assert tree.get(path, 0) == row.executed


@functools.cache
def recorded() -> dict[str, shipped.Record]:
    return shipped.read()


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_is_exact(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(shipped_names()) - set(SAMPLE)))
def test_every_shipped_network_is_exact(name: str) -> None:
    check(name)


@pytest.mark.parametrize("name", SMALL)
def test_a_pass_on_the_cpu_counts_the_same(name: str) -> None:
    def only_real(network: nn.Module, image: Tensor) -> object:
        if image.is_meta:
            raise NotImplementedError
        return network(image)

    model = ultralytics_model(name)
    graph = ultralytics_graph(model)
    quick = count(model, graph, SMALL[name], 2)
    real = count(model, graph, SMALL[name], 2, forward=only_real)
    assert (quick.counted_on, real.counted_on) == ("meta", "cpu")
    assert real.counts == quick.counts
    assert own_work(real) == own_work(quick)
    assert {path: row.out_shape for path, row in real.rows.items()} == {
        path: row.out_shape for path, row in quick.rows.items()
    }
    sums_to(quick.counts.macs, real)
