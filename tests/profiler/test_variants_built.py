"""Variants: built once, with the network as it was afterwards, or a sentence that says what is missing."""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_gpu import IMAGE, Card, network
from profiler_support import state_of
from torch import Tensor, nn

from surgeon.models.exporting import export_outputs
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.cuda_graph import Graphed
from surgeon.profiler.timing.quiet import flushes_denormals
from surgeon.profiler.variants import onnx_session
from surgeon.profiler.variants.agreement import agreement, outputs_of
from surgeon.profiler.variants.bf16 import Bfloat16
from surgeon.profiler.variants.channels_last import ChannelsLast
from surgeon.profiler.variants.compiled import Compiled
from surgeon.profiler.variants.graph import CudaGraph
from surgeon.profiler.variants.onnx_session import OnnxRuntime
from surgeon.profiler.variants.openvino_session import OpenVino
from surgeon.profiler.variants.variant import Built, Variant

SETTINGS = ProfileSettings(imgsz=(8, 8))
IMAGES = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Puts out its result and, as heads do, what it was made of."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        maps = self.conv(x).relu()
        return self.last(maps).flatten(1), {"maps": maps}


def net() -> nn.Module:
    return Net().eval()


def export_first(module: nn.Module, images: Tensor, path: Path) -> None:
    """As an exported head does: the result alone."""

    class Result(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = copy.deepcopy(module)

        def forward(self, x: Tensor) -> Tensor:
            return self.network(x)[0]

    export_outputs(Result(), images, path)


class FakeOpenVino:
    """What `OpenVino` asks of the package; computes by a network in a precision that is not always the asked one."""

    def __init__(self, network: nn.Module, computes_in: str) -> None:
        self.network, self.computes_in = network, computes_in
        self.asked: dict[str, Any] = {}

    def set_property(self, properties: dict[str, Any]) -> None:
        self.asked |= properties

    def read_model(self, path: str) -> str:
        assert Path(path).stat().st_size
        return path

    def compile_model(self, _: str, device: str, properties: dict[str, Any]) -> FakeOpenVino:
        assert device == "CPU"
        self.asked |= properties
        return self

    def get_property(self, name: str) -> Any:
        return types.SimpleNamespace(get_type_name=lambda: self.computes_in)

    def create_infer_request(self) -> FakeOpenVino:
        return self

    def infer(self, inputs: list[np.ndarray[Any, Any]], share_inputs: bool) -> dict[int, np.ndarray[Any, Any]]:
        with torch.no_grad():
            return {0: self.network(torch.from_numpy(inputs[0]))[0].numpy()}


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], FakeOpenVino]]:
    def put(computes_in: str) -> FakeOpenVino:
        fake = FakeOpenVino(net(), computes_in)
        module = types.ModuleType("openvino")
        vars(module).update(Core=lambda: fake, __spec__=types.SimpleNamespace())
        monkeypatch.setitem(sys.modules, "openvino", module)
        return fake

    yield put


@pytest.mark.parametrize("variant", [ChannelsLast(), Bfloat16(), Compiled(lambda n: n, cxx=sys.executable)])
def test_the_network_stays_as_it_was(variant: Variant) -> None:
    module = net()
    before = state_of(module)
    built = variant.build(module, IMAGES, SETTINGS)
    assert isinstance(built, Built)
    seen = agreement(outputs_of(module, IMAGES), outputs_of(built.module, IMAGES))
    assert seen.note == "" and seen.relative < 2e-2
    assert state_of(module) == before


def test_channels_last_is_given_its_layout_and_bf16_its_type() -> None:
    last = ChannelsLast().build(net(), IMAGES, SETTINGS)
    cast = Bfloat16().build(net(), IMAGES, SETTINGS)
    assert isinstance(last, Built) and isinstance(cast, Built)
    assert last.module(IMAGES)[1]["maps"].is_contiguous(memory_format=torch.channels_last)
    assert cast.module(IMAGES)[0].dtype == torch.bfloat16 and cast.precision == "bfloat16"
    assert "not in float16" in str(Bfloat16().build(net(), IMAGES, replace(SETTINGS, dtype="float16")))


def test_compiling_needs_a_compiler_and_happens_while_building() -> None:
    assert "no-such-g++ is not installed" in str(Compiled(cxx="no-such-g++").build(net(), IMAGES, SETTINGS))
    modes: list[bool] = []

    def compiler(network: nn.Module) -> Callable[[Tensor], Any]:
        def run(x: Tensor) -> Any:
            modes.append(torch.is_inference_mode_enabled())
            return network(x)

        return run

    built = Compiled(compiler, cxx=sys.executable).build(net(), IMAGES, SETTINGS)
    assert isinstance(built, Built) and built.once and modes == [True]


@pytest.mark.slow
def test_inductor_gives_the_same() -> None:
    built = Compiled().build(net(), IMAGES, SETTINGS)
    assert isinstance(built, Built), built
    assert agreement(outputs_of(net(), IMAGES), outputs_of(built.module, IMAGES)).relative < 1e-5


def test_onnx_runtime_with_one_quiet_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened: list[Any] = []
    real = onnx_session.open_session
    monkeypatch.setattr(onnx_session, "open_session", lambda *a: opened.append(real(*a)) or opened[-1])
    module = net()
    before = state_of(module)
    built = OnnxRuntime(export_first).build(module, IMAGES, SETTINGS)
    assert isinstance(built, Built) and built.once
    seen = agreement(outputs_of(module, IMAGES), outputs_of(built.module, IMAGES))
    assert seen.relative < 1e-5 and seen.note == "compared in 1 of eager's 2 outputs"
    assert state_of(module) == before and list(tmp_path.iterdir()) == []
    assert not flushes_denormals()  # a session may set that for the whole thread
    options = opened[0].get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert opened[0].get_providers() == ["CPUExecutionProvider"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_export_that_ends_early_leaves_no_file(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def write(module: nn.Module, images: Tensor, path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    with pytest.raises(error):
        OnnxRuntime(write).build(net(), IMAGES, SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_openvino_is_held_to_float32(install: Callable[[str], FakeOpenVino]) -> None:
    fake = install("f32")
    built = OpenVino(export_first).build(net(), IMAGES, replace(SETTINGS, threads=3))
    assert isinstance(built, Built)
    assert fake.asked["INFERENCE_PRECISION_HINT"] == "f32"
    assert (fake.asked["INFERENCE_NUM_THREADS"], fake.asked["NUM_STREAMS"]) == (3, "1")
    assert agreement(outputs_of(net(), IMAGES), outputs_of(built.module, IMAGES)).difference == 0
    install("bf16")
    assert "computes in bf16" in str(OpenVino(export_first).build(net(), IMAGES, SETTINGS))


def test_runtimes_say_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "exports this network" in str(OnnxRuntime(None).build(net(), IMAGES, SETTINGS))
    on_cuda = replace(SETTINGS, device="cuda:0")
    assert "the device is cuda:0" in str(OnnxRuntime(export_first).build(net(), IMAGES, on_cuda))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = OpenVino(export_first).build(net(), IMAGES, SETTINGS)
    assert said == "onnx and openvino are not installed: pip install onnx openvino"


def test_a_graph_on_a_replayed_card() -> None:
    card = Card()
    module = network(card, [[(30, 2)] * 100])
    said = CudaGraph(card).build(module, IMAGE, SETTINGS)
    assert said == "only a CUDA device has graphs, and the device is cpu"
    built = CudaGraph(card).build(module, IMAGE, replace(SETTINGS, device="cuda:0"))
    assert isinstance(built, Built) and isinstance(built.module, Graphed) and not built.once
