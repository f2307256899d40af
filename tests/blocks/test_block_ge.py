"""GE over parts of the map larger than two pixels, which the contract's smallest exported maps cannot hold."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from plain import plain

from surgeon.blocks import create
from surgeon.errors import BlockError

PARTS = pytest.mark.parametrize(
    "settings",
    [
        {"extent": 4, "add_maxpool": True},
        {"extent": 8},
        {"extent": 6, "extra_params": True},
        {"extent": 8, "extra_params": True, "rd_channels": 3},
    ],
    ids=str,
)


@PARTS
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (4, 9), (17, 16), (23, 58)], ids=str)
def test_equals_the_plain_form(settings: dict[str, Any], size: tuple[int, int]) -> None:
    module = create("ge", 12, **settings).double().eval()
    x = torch.randn(2, 12, *size, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(module(x), plain(module, x), rtol=1e-9, atol=1e-12)


@PARTS
def test_exports(settings: dict[str, Any]) -> None:
    module = create("ge", 12, **settings).eval()
    least = settings["extent"] + 1
    dims = {2: torch.export.Dim("height", min=least, max=64), 3: torch.export.Dim("width", min=least, max=64)}
    program = torch.export.export(module, (torch.randn(1, 12, 20, 18),), dynamic_shapes=(dims,)).module()
    for size in ((least, 33), (64, least)):
        x = torch.randn(1, 12, *size)
        with torch.no_grad():
            assert torch.allclose(program(x), module(x), atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_onnx_takes_the_rows_that_torch_takes() -> None:
    """At 230 rows of 58 parts, ONNX's own resize differs by a row; so does torch from exact arithmetic."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    module, stored = create("ge", 4, extent=4, use_mlp=False).eval(), io.BytesIO()
    torch.onnx.export(
        module,
        (torch.randn(1, 4, 8, 8),),
        stored,
        opset_version=17,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {0: "b", 2: "h", 3: "w"}},
        dynamo=False,
    )
    session = onnxruntime.InferenceSession(stored.getvalue(), providers=["CPUExecutionProvider"])
    for size in ((230, 9), (5, 198), (1, 3)):
        x = torch.randn(2, 4, *size)
        with torch.no_grad():
            assert torch.allclose(torch.from_numpy(session.run(None, {"x": x.numpy()})[0]), module(x), atol=1e-5)


def test_refuses_what_would_run_at_one_size() -> None:
    with pytest.raises(BlockError, match=r"extra_params=True with extent=0 .* 2, 4, 8, 16"):
        create("ge", 12, extra_params=True)
    with pytest.raises(BlockError, match=r"extent takes 0 .* even"):
        create("ge", 12, extent=3)
