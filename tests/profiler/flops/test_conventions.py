"""The conventions against the programs whose figures they reproduce."""

from __future__ import annotations

import copy

import pytest
from profiler_support import state_of
from torch import nn
from torch.nn import functional as F
from ultralytics.utils.torch_utils import get_flops

import surgeon
from benchmarks.shipped import outline
from surgeon.blocks import catalog
from surgeon.errors import InputError, MeasurementError
from surgeon.models.ultralytics.proxies import proxy_images
from surgeon.models.ultralytics.yaml_source import shipped_names
from surgeon.profiler.flops.conventions.figure import ConventionFigure
from surgeon.profiler.flops.conventions.figures import legacy, thop_full, ultralytics
from surgeon.profiler.flops.conventions.misleading import FASTER, FIXED, SLOWER, UNSEEN, misleading
from surgeon.profiler.flops.passes import Passes

SAMPLE = (
    *("yolov3-tiny", "yolov5n6", "yolov6n", "yolov8n", "yolov8n-cls", "yolov8n-worldv2", "yolov9t", "yolov10n"),
    *("yolo11n-obb", "yolo12n", "yolo26n-seg", "yoloe-11n-seg", "yolov8n-rtdetr"),
)
EDITS = ("se", "coordatt", "bra", "hat", "drconv", "mhsa", "acmix", "aifi")
"""Functional pooling, strips, top-k, windows, F.conv2d, attention …"""


def agrees(module, imgsz):
    printed = get_flops(copy.deepcopy(module), list(imgsz))
    figure = ultralytics(module, imgsz, proxy_images(module))
    assert figure.gflops == pytest.approx(printed, rel=1e-12)
    assert sum(figure.by_module.values()) == pytest.approx(figure.macs, rel=1e-9)
    return figure


@pytest.mark.parametrize("name", SAMPLE)
def test_info_of_stock_networks(name):
    agrees(outline(name), (640, 640))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(shipped_names()) - set(SAMPLE)))
def test_info_of_every_shipped_network(name):
    agrees(outline(name), (640, 640))


@pytest.mark.parametrize("imgsz", [(320, 448), (1280, 1280), (192, 64)])
@pytest.mark.parametrize("name", ["yolov8n-p6", "yolo11n-cls"])
def test_info_at_other_sizes(name, imgsz):
    """Of which some are no multiple of a cell, or hardly larger than the small images."""
    agrees(outline(name), imgsz)


def test_info_where_the_network_cannot_run():
    module = outline("yolov8n-p6")
    assert get_flops(copy.deepcopy(module), [650, 650]) == 0.0
    with pytest.raises(MeasurementError, match="650x650"):
        ultralytics(module, (650, 650), proxy_images(module))


def edited(block):
    return surgeon.open("yolov8n.yaml").insert(block, after=9).module


@pytest.mark.parametrize("block", EDITS)
def test_info_of_edited_networks(block):
    agrees(edited(block).eval(), (640, 640))


@pytest.mark.slow
@pytest.mark.parametrize("block", sorted(set(catalog.names()) - set(EDITS)))
def test_info_of_every_block(block):
    try:
        module = edited(block)
    except InputError as error:
        pytest.skip(f"{block} does not stand there: {error}")
    agrees(module.eval(), (640, 640))


def test_yolov8n_reconciles_to_the_last_digit():
    full = thop_full(outline("yolov8n"), (640, 640))
    norms = sum(work for path, work in full.by_module.items() if path.endswith(".bn"))
    assert (full.macs, norms) == (4_427_545_600, 55_552_000)
    assert full.macs - norms == 4_371_993_600  # the exact MACs: test_exact
    assert thop_full(outline("yolov8n"), (640, 640), batch=3).macs == 3 * full.macs


OLD = [
    # What the comments of the shipped files say: attention left out, one small image scaled, at full size.
    ("yolo12n", "2.0.18", 6.651, True),
    ("yolov8n-world", "2.0.18", 39.6, True),
    ("yolov8n-rtdetr", "2.0.18", 17.112, False),
    ("yolo11n-seg", "2.0.18", 9.900, True),
    ("yolo11n-seg", "2.0.0", 10.5, True),
]


@pytest.mark.parametrize(("name", "release", "gflops", "extrapolated"), OLD)
def test_what_older_releases_printed(name, release, gflops, extrapolated):
    module = outline(name)
    figure = legacy(module, (640, 640), proxy_images(module), release=release)
    assert figure.gflops == pytest.approx(gflops, abs=0.05)
    assert figure.extrapolated is extrapolated


def test_release_2_0_0_counts_a_transposed_convolution_four_times():
    module = outline("yolo11n-seg")
    path = next(path for path, m in module.named_modules() if type(m).__name__ == "ConvTranspose2d")
    new, old = (
        legacy(module, (640, 640), proxy_images(module), release=release).by_module for release in ("2.0.18", "2.0.0")
    )
    assert old[path] == 4 * new[path] > 0
    assert {k: v for k, v in old.items() if k != path} == {k: v for k, v in new.items() if k != path}


def compared(module, owners, exact=None):
    with Passes(module) as passes:
        printed = ultralytics(module, (640, 640), proxy_images(module), passes=passes)
        full = thop_full(module, (640, 640), passes=passes)
    found = misleading(printed, full, owners=owners, exact=exact)
    if exact is None:
        assert found.difference_gflops == pytest.approx(printed.gflops - full.gflops, rel=0.02, abs=0.02)
    return found


def test_stock_networks_do_not_mislead():
    found = compared(outline("yolo12n"), ())
    assert found.shares == () and found.sentence() == "" and found.difference_gflops == 0


class SqueezeExcite(nn.Module):
    """As it is pasted most: pooled by a function call, then convolutions on one pixel."""

    def __init__(self, channels):
        super().__init__()
        self.excite = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.SiLU(), nn.Conv2d(channels, channels, 1))

    def forward(self, x):
        return x * self.excite(F.adaptive_avg_pool2d(x, 1)).sigmoid()


class Behind(nn.Module):
    """A block behind a row, in that row's place."""

    def __init__(self, row, block):
        super().__init__()
        self.row, self.block, self.i, self.f, self.type = row, block, row.i, row.f, row.type

    def forward(self, x):
        return self.block(self.row(x))


def test_a_block_of_fixed_cost_is_printed_400_times():
    module = outline("yolov8n").eval()
    module.model[9] = Behind(module.model[9], SqueezeExcite(256))
    agrees(module, (640, 640))
    found = compared(module, [*(f"model.{i}" for i in range(23)), "model.9.block"])
    assert [share.path for share in found.shares] == ["model.9.block"]
    assert found.shares[0].factor == pytest.approx(400)
    assert found.shares[0].reason == FIXED
    assert found.difference_gflops == pytest.approx(2 * 399 * 2 * 256 * 256 / 1e9)
    assert "the SE counts 400 times its cost, because its cost does not grow" in found.sentence(
        {"model.9.block": "the SE"}
    )


def test_strips_are_printed_20_times():
    share = compared(edited("coordatt"), [f"model.{i}" for i in range(24)]).shares[0]
    assert share.path == "model.10" and share.factor == pytest.approx(20) and share.reason == SLOWER


def test_window_attention_is_printed_too_small():
    found = compared(edited("hat"), [f"model.{i}" for i in range(24)])
    assert found.shares[0].path == "model.10" and found.shares[0].reason in (FASTER,)
    assert found.difference_gflops < 0 and "too few" in found.sentence()


def test_work_that_thop_does_not_see_is_named():
    module = outline("yolov8n")
    found = compared(module, ["model.9"], exact={"model.9": 10**9})
    assert found.shares[0].path == "model.9" and found.shares[0].reason == UNSEEN


def test_a_tiny_difference_is_told_with_its_digits():
    def of(macs, small):
        return ConventionFigure(
            convention="", imgsz=(64, 64), macs=macs, by_module={"se": macs}, measured_at=(), first={"se": small}
        )

    said = misleading(of(550_000, 50_000), of(50_000, 50_000)).sentence()
    assert said.startswith("model.info() prints 0.0011 GFLOPs at 64x64, 0.0010 too many: se counts 11 times")
    assert "prints 0.000012 GFLOPs at 64x64, 0.000010 " in misleading(of(6_000, 1_000), of(1_000, 1_000)).sentence()
    assert "se counts 1.004 times its cost" in misleading(of(1_004_000, 9_000), of(1_000_000, 8_000)).sentence()


def test_figures_of_two_sizes_are_not_compared():
    module = outline("yolov8n")
    with pytest.raises(ValueError, match="cannot be compared"):
        misleading(thop_full(module, (320, 320)), thop_full(module, (640, 640)))


def test_the_network_stays_as_it_was():
    module = edited("se").train()
    before = state_of(module)
    compared(module, ())
    legacy(module, (640, 640), proxy_images(module))
    assert state_of(module) == before
