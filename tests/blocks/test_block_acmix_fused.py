"""ACmix's Triton kernel without a GPU: its numbers in the interpreter, that it compiles, and who gets to run it."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_cuda import TYPE, autocast, fake_cuda, to_cuda
from torch import Tensor, nn

from surgeon.blocks import create, fused_acmix

INTERPRETED = Path(__file__).parents[1] / "triton_interpreted.py"
SMALL = ["1,8,2,3,5,4", "2,6,2,7,2,3"]
"""Batch, channels, heads, kernel, height, width: an odd map, and two with sides shorter than the window reaches."""
LARGE = ["2,4,4,3,1,1", "1,6,2,5,9,7", "1,12,4,7,2,9", "2,8,2,7,13,6", "1,64,4,7,9,11", "1,20,1,7,8,33"]


@pytest.mark.parametrize(
    ("kind", "cases", "tolerance"),
    [
        ("float32", SMALL, 1e-5),
        pytest.param("float32", LARGE, 1e-5, marks=pytest.mark.slow),
        pytest.param("float16", SMALL + LARGE, 2e-3, marks=pytest.mark.slow),
        pytest.param("bfloat16", SMALL, 2e-2, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_interpreted_numbers(kind: str, cases: list[str], tolerance: float) -> None:
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, INTERPRETED, kind, *cases], check=True, capture_output=True, text=True, timeout=500
    )
    found = json.loads(done.stdout)
    assert len(found) == 2 * len(cases) and max(found) <= tolerance


@pytest.mark.parametrize("wide", [1, 16, 128])
@pytest.mark.parametrize(("capability", "kind"), [(75, "fp32"), (80, "bf16"), (90, "fp16")])
def test_compiles_for_gpus(capability: int, kind: str, wide: int) -> None:
    triton = pytest.importorskip("triton")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from surgeon.blocks.acmix_kernel import attend

    types = {"Q": kind, "K": kind, "V": kind, "POSITIONS": kind, "OUT": kind}
    signature = {
        name: f"*{types[name]}" if name in types else "i32" for name in inspect.signature(attend.fn).parameters
    }
    signature |= {"scale": "fp32"} | dict.fromkeys(("KERNEL", "WIDE", "BLOCK"), "constexpr")
    constants = {"KERNEL": 7, "WIDE": wide, "BLOCK": fused_acmix._block(wide)}
    source = ASTSource(fn=attend, signature=signature, constexprs=constants)
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32))
    assert ".entry _attend" in made.asm["ptx"]


class Launches:
    """In the place of the kernel: notes its grid and its arguments."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []

    def __getitem__(self, grid: tuple[int, int]) -> Any:
        return lambda *args, **kwargs: self.seen.append((grid, args, kwargs))


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> Launches:
    """A machine that seems to have a GPU and Triton; fake tensors count as ordinary ones."""
    found = Launches()
    monkeypatch.setattr(fused_acmix, "_kernel", lambda: found)
    monkeypatch.setattr(fused_acmix, "_has_triton", lambda: True)
    monkeypatch.setattr(fused_acmix, "_ordinary", lambda t: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    monkeypatch.setattr(torch.cuda, "device_of", lambda t: torch.no_grad())
    return found


def acmix(channels: int = 16, *, fused: bool = True, **settings: Any) -> nn.Module:
    block = create("acmix", channels, **settings).eval()
    block.fused = fused
    return block


def run(block: nn.Module, shape: tuple[int, ...], kind: torch.dtype = torch.float32, *, learns: bool = False) -> Tensor:
    with fake_cuda() as host, torch.set_grad_enabled(learns):
        y: Tensor = to_cuda(block, kind)(torch.empty(shape, device="cuda", dtype=kind))
    assert not host.operators
    return y


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_launches(launches: Launches, kind: torch.dtype) -> None:
    y = run(acmix(24, head=2, kernel_att=5), (3, 24, 13, 9), kind)
    assert (y.shape, y.dtype, y.device.type) == ((3, 24, 13, 9), kind, "cuda")
    ((grid, arguments, constants),) = launches.seen
    assert constants == {"KERNEL": 5, "WIDE": 16, "BLOCK": 128} and grid == (3 * 2, 1)
    *maps, positions, out = arguments[:5]
    assert all(t.shape == (3, 24, 13, 9) and t.stride() == out.stride() and t.dtype == kind for t in maps)
    assert (positions.shape, positions.stride()) == ((1, 12, 13, 9), (12 * 117, 117, 9, 1))
    assert arguments[5:] == (2, 12, 13, 9, *out.stride(), 12**-0.5)


def test_programs_cover_every_pixel(launches: Launches) -> None:
    run(acmix(256, head=2), (1, 256, 40, 41))
    ((grid, _, constants),) = launches.seen
    assert constants["WIDE"] == 128 and grid[0] == 2
    assert (grid[1] - 1) * constants["BLOCK"] < 40 * 41 <= grid[1] * constants["BLOCK"]


def test_serves_a_network_under_autocast(launches: Launches) -> None:
    with autocast():
        y = run(acmix(), (2, 16, 8, 8))
    assert y.dtype == TYPE and launches.seen[0][1][0].dtype == TYPE


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ({"fused": False}, {}),
        ({}, {"learns": True}),
        ({"stride": 2}, {}),
        ({"dilation": 2}, {}),
        ({"channels": 512, "head": 2}, {}),
        ({}, {"kind": torch.float64}),
    ],
    ids=str,
)
def test_falls_back(launches: Launches, settings: dict[str, Any], given: dict[str, Any]) -> None:
    block = acmix(**settings)
    channels = settings.get("channels", 16)
    assert run(block, (1, channels, 9, 10), **given).shape[1] == channels and not launches.seen


@pytest.mark.parametrize("missing", ["triton", "capability", "ordinary tensor", "eager mode"])
def test_falls_back_without(launches: Launches, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    if missing == "triton":
        monkeypatch.setattr(fused_acmix, "_has_triton", lambda: False)
    elif missing == "capability":
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    elif missing == "eager mode":
        monkeypatch.setattr(fused_acmix, "one_graph", lambda: True)
    else:
        monkeypatch.setattr(fused_acmix, "_ordinary", lambda t: type(t) is Tensor)
    run(acmix(), (1, 16, 9, 10))
    assert not launches.seen


@pytest.mark.parametrize(
    ("shape", "hindrance"),
    [
        ((2, 16, 9, 10), "stride of k"),
        ((2, 16, 9, 10), "type of v"),
        ((2, 16, 9, 10), "gaps"),
        ((0, 16, 9, 10), "no image"),
        ((1, 4, 3000, 3000), "more blocks of pixels than a grid has"),
        ((1, 2400, 1000, 1000), "offsets beyond 32 bits"),
        ((2, 16, 9, 10), ""),
        ((1, 16, 2000, 2000), ""),
    ],
    ids=str,
)
def test_serves_only_what_the_kernel_reads(launches: Launches, shape: tuple[int, ...], hindrance: str) -> None:
    with fake_cuda(), torch.no_grad():
        q, k, v = (torch.empty(shape, device="cuda") for _ in range(3))
        positions = torch.empty(1, 2, *shape[2:], device="cuda")
        if hindrance == "stride of k":
            k = k.contiguous(memory_format=torch.channels_last)
        elif hindrance == "type of v":
            v = v.half()
        elif hindrance == "gaps":
            q, k, v = (t.repeat(1, 2, 1, 1)[:, ::2] for t in (q, k, v))
        found = fused_acmix.serves(q, k, v, positions, head=shape[1] // 2, stride=1, dilation=1)
    assert found is not bool(hindrance)


def test_cpu_ignores_the_switch() -> None:
    block = acmix(kernel_att=3)
    x = torch.randn(2, 16, 6, 7)
    with torch.no_grad():
        got = block(x)
        block.fused = False
        assert torch.equal(got, block(x))


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace")
def test_graphs_are_as_ever() -> None:
    block = acmix(kernel_att=3)
    x = torch.randn(1, 16, 6, 7)
    with torch.no_grad():
        wanted = block(x)
        traced = torch.jit.trace(block, x)
        program = torch.export.export(block, (x,)).module()
        compiled = torch.compile(block, fullgraph=True, backend="aot_eager")
        for graph in (traced, program, compiled):
            assert torch.allclose(graph(x), wanted, atol=1e-5)


def test_switch_is_an_attribute_only() -> None:
    block = acmix()
    assert set(block.state_dict()) == set(acmix(fused=False).state_dict())
    assert copy.deepcopy(block).fused and pickle.loads(pickle.dumps(block)).fused
    old = acmix()
    del old.__dict__["fused"]  # as unpickled from a file that an older version wrote
    assert pickle.loads(pickle.dumps(old)).fused is False and create("acmix", 8).fused is False


def test_nothing_imports_triton() -> None:
    code = (
        "import sys, torch, surgeon.blocks as b\n"
        "block = b.create('acmix', 8).eval(); block.fused = True; block(torch.zeros(1, 8, 5, 5))\n"
        "assert 'surgeon.blocks.acmix_kernel' not in sys.modules and 'triton' not in sys.modules, 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
