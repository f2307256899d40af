"""Every block on a real GPU. Needs PyTorch 2.11 or newer with CUDA, and pytest; skipped elsewhere.

TF32 is off here, so that single precision is what it says.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from surgeon.blocks import create, from_reference, fused_acmix

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU that PyTorch sees")

CHANNELS = 16
SIZES = [(1, 1), (5, 9), (24, 25), (48, 50)]
SEEDS = ["acmix", "mhsa", "fla", "gam", "lska"]
Case = tuple[str, dict[str, Any]]


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    """Single precision without TF32, restored afterwards."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@contextmanager
def no_synchronisation() -> Iterator[None]:
    """Raise where the host waits for the device."""
    torch.cuda.synchronize()
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def make(block: Case, channels: int = CHANNELS) -> nn.Module:
    """A block off its initial values."""
    module = create(block[0], channels, **block[1])
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module.eval()


def close(got: Tensor, wanted: Tensor, tolerance: float) -> bool:
    """Whether two tensors agree relative to the largest value."""
    return bool((got.cpu() - wanted).abs().max() <= tolerance * max(1.0, float(wanted.abs().max())))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_same_numbers_as_the_cpu(block: Case, size: tuple[int, int]) -> None:
    module = make(block)
    x = torch.randn(2, CHANNELS, *size)
    with torch.no_grad():
        wanted = module(x)
        module.cuda()
        module(x.cuda())  # loads kernels, which may wait
        given = x.cuda()
        with no_synchronisation():
            got = module(given)
    assert close(got, wanted, 1e-4)


def test_same_gradients_as_the_cpu(block: Case) -> None:
    module = make(block).train()
    twin = copy.deepcopy(module).cuda()
    x = torch.randn(2, CHANNELS, 6, 7, requires_grad=True)
    there = x.detach().cuda().requires_grad_()
    module(x).square().sum().backward()
    twin(there).square().sum().backward()
    assert x.grad is not None and there.grad is not None and close(there.grad, x.grad, 1e-3)
    for (name, ours), theirs in zip(module.named_parameters(), twin.parameters(), strict=True):
        assert ours.grad is not None and theirs.grad is not None and close(theirs.grad, ours.grad, 1e-3), name


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_half_precision_stays_finite(block: Case, size: tuple[int, int]) -> None:
    module = make(block).cuda().half()
    x = torch.randn(2, CHANNELS, *size, device="cuda")
    with torch.no_grad():
        for given in (x.half(), (20 * x).half()):
            y = module(given)
            assert y.dtype == torch.float16 and torch.isfinite(y).all()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16], ids=str)
def test_trains_under_autocast(block: Case, kind: torch.dtype) -> None:
    module = make(block).cuda().train()
    x = (4 * torch.randn(2, CHANNELS, 6, 7, device="cuda")).requires_grad_()
    for given in (x, x.detach().to(kind).requires_grad_()):
        with torch.autocast("cuda", dtype=kind):
            y = module(given)
        y.float().mean().backward()
        assert torch.isfinite(y).all()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())


def recorded() -> list[dict[str, Any]]:
    """The goldens' cases; none where numpy or the files are missing."""
    try:
        from tests.blocks.test_block_goldens import RECORDED
    except ImportError:
        return []
    return RECORDED


@pytest.mark.parametrize("case", recorded(), ids=lambda case: case["file"].removesuffix(".npz"))
def test_reproduces_the_recordings(case: dict[str, Any]) -> None:
    from tests.blocks.test_block_goldens import np, tensors

    arrays = np.load(case["folder"] / case["file"])
    size, channels = tuple(case["input_shape"][2:]), case["input_shape"][1]
    state = tensors(arrays, "sd/")
    module = from_reference(case["case"], case["args"], state, size=size, channels=channels).train(case["training"])
    with torch.no_grad():
        got = module.cuda()(torch.from_numpy(arrays["input"]).cuda())
    # The recordings were made on a CPU; a GPU sums in another order.
    assert close(got, torch.from_numpy(arrays["output"]), max(1e-4, 4 * case["suggested_atol"]))


@pytest.mark.parametrize("name", SEEDS)
def test_compiled_is_the_same(name: str) -> None:
    torch.compiler.reset()
    module = make((name, {}), 64).cuda()
    compiled = torch.compile(module, fullgraph=True)
    with torch.no_grad():
        for size in ((20, 20), (40, 24)):
            x = torch.randn(1, 64, *size, device="cuda")
            assert close(compiled(x), module(x).cpu(), 1e-4)


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (13, 6), (40, 40)], ids=str)
@pytest.mark.parametrize(("channels", "head"), [(12, 4), (64, 4), (256, 2)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_fused_acmix(
    kind: torch.dtype, size: tuple[int, int], channels: int, head: int, layout: torch.memory_format
) -> None:
    pytest.importorskip("triton")
    module = make(("acmix", {"head": head}), channels).to("cuda", kind)
    q, k, v = (
        torch.randn(2, channels, *size, device="cuda", dtype=kind).contiguous(memory_format=layout) for _ in range(3)
    )
    positions = torch.randn(1, channels // head, *size, device="cuda", dtype=kind)
    how = {"head": head, "stride": 1, "dilation": 1}
    with torch.no_grad():
        wanted = module._attend(q, k, v, positions)
        assert fused_acmix.serves(q, k, v, positions, **how)
        module.fused = True
        got = module._attend(q, k, v, positions)
        with no_synchronisation():
            module._attend(q, k, v, positions)
    assert (got.dtype, got.stride()) == (kind, q.stride())
    assert close(got.float(), wanted.float().cpu(), {torch.float32: 1e-5, torch.float16: 2e-3}.get(kind, 2e-2))


def test_fused_acmix_leaves_training_alone() -> None:
    module = make(("acmix", {}), 64).cuda().train()
    module.fused = True
    x = torch.randn(1, 64, 9, 10, device="cuda", requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None and module.conv1.weight.grad is not None
