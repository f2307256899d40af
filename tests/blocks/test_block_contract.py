"""What every block of the catalog promises, whatever its family."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from surgeon.blocks import catalog, create

# Tracing is deprecated, but it is what `yolo export` runs; its constant folder also reports what it leaves alone.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{text}")
    for text in ("You are using the legacy", "The feature will be removed", ".*torch.jit.trace", "Constant folding")
]

CHANNELS = 16
SIZES = [(1, 1), (1, 7), (3, 2), (5, 9), (12, 20)]
Case = tuple[str, dict[str, Any]]


def make(block: Case, channels: int = CHANNELS) -> nn.Module:
    """Build a block with every parameter moved off its initial value, so that no branch is silent."""
    name, settings = block
    module = create(name, channels, **settings)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module.eval()


def close(got: Tensor, wanted: Tensor, tolerance: float) -> bool:
    """Whether two tensors agree relative to the largest value."""
    return bool((got - wanted).abs().max() <= tolerance * max(1.0, float(wanted.abs().max())))


def values_per_channel(module: nn.Module) -> dict[str, int]:
    """How many values per channel each BatchNorm is called with, filled while the module runs.

    A block may put another axis than the map's in a norm's place (gates over channels and width).
    """
    seen: dict[str, int] = {}

    def watch(name: str, norm: nn.Module) -> None:
        norm.register_forward_pre_hook(lambda _, x: seen.update({name: x[0].numel() // x[0].shape[1]}))

    for name, norm in module.named_modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            seen[name] = 0
            watch(name, norm)
    return seen


def shape_of_output(block: Case, batch: int, size: tuple[int, int]) -> tuple[int, ...]:
    """Shape of the block's output for a batch of maps."""
    info = catalog.get(block[0])
    settings = info.resolve(CHANNELS, CHANNELS, block[1]).settings
    return (batch, CHANNELS, *info.output_size(*size, settings))


def test_what_a_hook_keeps_stays(block: Case) -> None:
    """Lean forms may write only into maps that no layer read or put out."""
    module, kept = make(block), []

    def keep(layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        kept.extend((t, t.clone()) for t in (*inputs, output) if isinstance(t, Tensor))

    for layer in module.modules():
        if getattr(layer, "inplace", False):  # the authors' ReLU6(inplace=True) in Sea_Attention does as it says
            layer.inplace = False
        if layer is not module:
            layer.register_forward_hook(keep)
    with torch.inference_mode():
        module(torch.randn(1, CHANNELS, 9, 7))
    assert all(torch.equal(tensor, copied) for tensor, copied in kept)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_any_map_size(block: Case, size: tuple[int, int]) -> None:
    module = make(block)
    x = torch.randn(2, CHANNELS, *size)
    before = x.clone()
    with torch.no_grad():
        y = module(x)
        assert y.shape == shape_of_output(block, 2, size) and torch.isfinite(y).all()
        assert torch.equal(x, before), "the input was changed"
        assert close(module(x[:1]), y[:1], 1e-5), "an image's output depends on its batch"


@pytest.mark.parametrize("size", [(1, 1), (12, 20), (24, 25)], ids=str)
def test_runs_on_meta_tensors(block: Case, size: tuple[int, int]) -> None:
    module = make(block).to("meta")
    assert module(torch.empty(2, CHANNELS, *size, device="meta")).shape == shape_of_output(block, 2, size)


@pytest.mark.parametrize("size", [(1, 1), (2, 3)], ids=str)
def test_trains_on_one_image(block: Case, size: tuple[int, int]) -> None:
    module = make(block).train()
    buffers = {key: value.clone() for key, value in module.named_buffers()}
    seen = values_per_channel(module)
    x = torch.randn(1, CHANNELS, *size, requires_grad=True)
    module(x).square().sum().backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())
    if size == (1, 1):
        moved = {
            key.rpartition(".")[0] for key, value in module.named_buffers() if not torch.equal(value, buffers[key])
        }
        assert all(seen[name] > 1 for name in moved), "one value per channel must leave the running statistics"


@pytest.mark.parametrize("value", [0.0, 1.0, -3e4], ids=str)
def test_flat_maps_stay_finite(block: Case, value: float) -> None:
    module = create(block[0], CHANNELS, **block[1]).train()
    x = torch.full((2, CHANNELS, 5, 6), value, requires_grad=True)
    y = module(x)
    y.mean().backward()
    assert x.grad is not None and torch.isfinite(y).all() and torch.isfinite(x.grad).all()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())


def test_takes_any_memory_layout(block: Case) -> None:
    module = make(block)
    x = torch.randn(2, CHANNELS, 10, 7)
    layouts = (x.contiguous(memory_format=torch.channels_last), x.transpose(2, 3).contiguous().transpose(2, 3))
    with torch.no_grad():
        wanted = module(x)
        assert all(close(module(other), wanted, 1e-5) for other in layouts)


def test_every_parameter_learns(block: Case) -> None:
    module = make(block).train()
    # Of two images, a BatchNorm over pooled vectors makes a sign, which passes no gradient.
    # Channels with means of their own, as in a network, so that a pooled branch's few units are not closed by chance.
    x = (torch.randn(4, CHANNELS, 6, 7) + torch.randn(4, CHANNELS, 1, 1)).requires_grad_()
    y = module(x)
    (y * torch.randn_like(y)).sum().backward()
    silent = [
        name
        for name, p in module.named_parameters()
        if (p.grad is None or not p.grad.abs().max() > 1e-6) and name not in catalog.get(block[0]).zero_gradients
    ]
    assert not silent


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16], ids=str)
def test_low_precision_stays_finite(block: Case, kind: torch.dtype) -> None:
    module = make(block)
    x = torch.randn(2, CHANNELS, 9, 10)
    with torch.no_grad():
        low = copy.deepcopy(module).to(kind)
        # Of the same rounded numbers: a block that chooses (argmax, top k) may choose otherwise for others.
        wanted = copy.deepcopy(low).float()(x.to(kind).float())
        got = low(x.to(kind))
        assert got.dtype == kind
        assert close(got.float(), wanted, 0.02 if kind == torch.float16 else 0.15)
        assert torch.isfinite(low((20 * x).to(kind))).all(), "ordinary activations, twenty times larger"


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16], ids=str)
def test_autocast_trains(block: Case, kind: torch.dtype) -> None:
    module = make(block).train()
    x = (4 * torch.randn(2, CHANNELS, 6, 7)).requires_grad_()  # a block may have no parameters
    for given in (x, x.detach().to(kind).requires_grad_()):  # what reaches a block in a network is narrow already
        with torch.autocast("cpu", dtype=kind):
            y = module(given)
        y.float().mean().backward()
        assert torch.isfinite(y).all()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())


def test_double_precision(block: Case) -> None:
    module = make(block)
    x = torch.randn(1, CHANNELS, 5, 9)
    with torch.no_grad():
        wide = copy.deepcopy(module).double()(x.double())
        assert wide.dtype == torch.float64
        assert close(module(x).double(), wide, 1e-4)


def test_copies_and_saves(block: Case) -> None:
    module = make(block)
    x = torch.randn(1, CHANNELS, 5, 9)
    stored = io.BytesIO()
    torch.save(module.state_dict(), stored)
    stored.seek(0)
    fresh = create(block[0], CHANNELS, **block[1]).eval()
    fresh.load_state_dict(torch.load(stored, weights_only=True))
    with torch.no_grad():
        wanted = module(x)
        for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), fresh):
            assert torch.equal(twin(x), wanted)


def test_compiles_whole(block: Case) -> None:
    torch._dynamo.reset()
    module = make(block)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    x = torch.randn(2, CHANNELS, 6, 7)
    with torch.no_grad():
        assert close(compiled(x), module(x), 1e-5)


@pytest.mark.slow
def test_compiles_with_inductor(block: Case) -> None:
    torch._dynamo.reset()
    module = make(block)
    compiled = torch.compile(module, fullgraph=True)
    x = torch.randn(2, CHANNELS, 6, 7)
    with torch.no_grad():
        assert close(compiled(x), module(x), 1e-4)


def test_exports_with_dynamic_sizes(block: Case) -> None:
    module = make(block)
    dims = {0: torch.export.Dim("batch", min=1, max=8)}
    dims |= {2: torch.export.Dim("height", min=3, max=64), 3: torch.export.Dim("width", min=3, max=64)}
    program = torch.export.export(module, (torch.randn(2, CHANNELS, 6, 7),), dynamic_shapes=(dims,)).module()
    for shape in ((1, 9, 5), (3, 3, 12)):
        x = torch.randn(shape[0], CHANNELS, *shape[1:])
        with torch.no_grad():
            assert close(program(x), module(x), 1e-5)


def test_traces(block: Case) -> None:
    module = make(block)
    with torch.no_grad():
        traced = torch.jit.trace(module, torch.randn(1, CHANNELS, 8, 8))
        for shape in ((1, 5, 9), (2, 3, 1)):
            x = torch.randn(shape[0], CHANNELS, *shape[1:])
            assert close(traced(x), module(x), 1e-5)


def onnx_session(module: nn.Module, *, dynamic: bool) -> Any:
    """Export as ``yolo export`` does and open the file in ONNX Runtime."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    stored = io.BytesIO()
    axes = {0: "batch", 2: "height", 3: "width"}
    torch.onnx.export(
        module,
        (torch.randn(1, CHANNELS, 8, 8),),
        stored,
        opset_version=17,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": axes, "y": axes} if dynamic else None,
        dynamo=False,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(stored.getvalue(), options, providers=["CPUExecutionProvider"])


def test_onnx_runs_at_unseen_sizes(block: Case) -> None:
    module = make(block)
    session = onnx_session(module, dynamic=True)
    for shape in ((1, 5, 9), (2, 12, 4), (1, 20, 13), (2, 3, 1)):
        x = torch.randn(shape[0], CHANNELS, *shape[1:])
        with torch.no_grad():
            wanted = module(x)
        assert close(torch.from_numpy(session.run(None, {"x": x.numpy()})[0]), wanted, 2e-5)


def test_onnx_at_a_fixed_size(block: Case) -> None:
    module = make(block)
    session = onnx_session(module, dynamic=False)
    x = torch.randn(1, CHANNELS, 8, 8)
    with torch.no_grad():
        wanted = module(x)
    assert close(torch.from_numpy(session.run(None, {"x": x.numpy()})[0]), wanted, 2e-5)
