"""Counters of MACs behind one call: ours, and every peer that is installed.

Each is used as its documentation says, on a network in eval mode without gradients, printing switched off. A counter
that reports FLOPs is divided by the two that it counts a MAC as.
"""

from __future__ import annotations

import contextlib
import copy
import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import Tensor, nn

Figure = tuple[float, Sequence[str]]
"""MACs, and the operators or modules that the counter says it did not count."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One way to count.

    Attributes:
        title: As the table names it.
        package: Distribution that has to be installed.
        ready: ``ready(network, image) -> call``: what is prepared once, not timed, and the call that counts.
        naming: As `ready`, where the names of what is not counted cost extra; for the accuracy table only.
    """

    title: str
    package: str
    ready: Callable[[nn.Module, Tensor], Callable[[], Figure]]
    naming: Callable[[nn.Module, Tensor], Callable[[], Figure]] | None = None

    @property
    def installed(self) -> str | None:
        """Version of the package, None where it is missing."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None


def layers_of(network: nn.Module, imgsz: tuple[int, int]) -> Any:
    """Rows of a network for our counter: those of a model that Surgeon opens, else the network's children."""
    from surgeon.graph.layer import IMAGE, Layer, LayerGraph

    rows = getattr(network, "model", network)
    prefix = "model." if rows is not network else ""
    layers = [
        Layer(
            key=f"row{index}",
            index=index,
            kind=type(row).__name__,
            path=f"{prefix}{name}",
            section="backbone",
            section_index=index,
            inputs=(f"row{index - 1}" if index else IMAGE,),
            params=sum(parameter.numel() for parameter in row.parameters()),
        )
        for index, (name, row) in enumerate(rows.named_children())
    ]
    return LayerGraph(name="counted", family="benchmark", layers=tuple(layers), imgsz=imgsz)


def ours(network: nn.Module, image: Tensor) -> Callable[[], Figure]:
    """The project's engine, from the network and its rows as a command has them."""
    from surgeon.profiler.flops.count import count

    imgsz = (int(image.shape[2]), int(image.shape[3]))
    if getattr(network, "yaml", None) is None:
        network = nn.Sequential(network)
        network.yaml = {"channels": int(image.shape[1])}
    rows = layers_of(network, imgsz)

    def call() -> Figure:
        counts = count(network, rows, imgsz, int(image.shape[0])).counts
        return counts.macs, counts.uncounted

    return call


def flop_counter_mode(network: nn.Module, image: Tensor) -> Callable[[], Figure]:
    """PyTorch's own, on the network as it is."""
    from torch.utils.flop_counter import FlopCounterMode

    def call() -> Figure:
        counter = FlopCounterMode(display=False)
        with counter:
            network(image)
        return counter.get_total_flops() / 2, ()

    return call


def emptied(tensor: Tensor) -> Tensor:
    """A parameter or buffer without its data."""
    bare = torch.empty_like(tensor, device="meta", requires_grad=False)
    return nn.Parameter(bare, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else bare


def on_meta(network: nn.Module, image: Tensor) -> Callable[[], Figure]:
    """PyTorch's own on tensors without data. That the network and its image are moved there first is not timed."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_map_only

    class Moved(TorchDispatchMode):
        """Anchors and strides that a head keeps on the CPU meet meta tensors."""

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            try:
                return func(*args, **(kwargs or {}))
            except (RuntimeError, NotImplementedError):
                args, kwargs = tree_map_only(Tensor, lambda t: t.to("meta") if t.dim() else t, (args, kwargs or {}))
                return func(*args, **kwargs)

    tensors = (*network.parameters(), *network.buffers())
    twin = copy.deepcopy(network, {id(one): emptied(one) for one in tensors})
    counted = flop_counter_mode(twin, image.to("meta"))

    def call() -> Figure:
        with Moved():
            return counted()

    return call


def get_flops(network: nn.Module, image: Tensor) -> Callable[[], Figure]:
    """What `model.info()` prints; a network that reads 64 channels is put behind a stem, as a block in a YOLO."""
    from ultralytics.utils.torch_utils import get_flops as counted

    if image.shape[1] == 3:
        return lambda: (counted(network, list(image.shape[2:])) / 2 * 1e9, ())
    stem = nn.Conv2d(3, image.shape[1], 1, 32, bias=False)
    whole = nn.Sequential(stem, network)
    whole.stride = torch.tensor([32.0])
    cost = image.shape[2] * image.shape[3] * stem.weight.numel()

    def call() -> Figure:
        total = counted(whole, [32 * side for side in image.shape[2:]])
        if not total:
            raise RuntimeError("get_flops returns 0: something in it failed, and it says nothing")
        return round(total / 2 * 1e9) - cost, ()

    return call


def thop_full(network: nn.Module, image: Tensor, report: bool = False) -> Callable[[], Figure]:
    """Ultralytics' thop at full size."""
    import thop

    def call() -> Figure:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            macs = thop.profile(network, inputs=[image], verbose=False, report_missing=report)[0]
        return macs, re.findall(r"Cannot find rule for <class '([^']+)", said.getvalue())

    return call


def fvcore(network: nn.Module, image: Tensor) -> Callable[[], Figure]:
    """fvcore; what it calls FLOPs are MACs. Only convolutions, linear layers and products are taken from it."""
    from fvcore.nn import FlopCountAnalysis

    def call() -> Figure:
        analysis = FlopCountAnalysis(network, image)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        elementwise = ("norm", "upsample", "adaptive", "grid_sampler", "pool")
        counts = analysis.by_operator()
        macs = sum(amount for name, amount in counts.items() if not any(word in name for word in elementwise))
        return macs, tuple(analysis.unsupported_ops())

    return call


def ptflops(backend: str, verbose: bool = False) -> Callable[[nn.Module, Tensor], Callable[[], Figure]]:
    """Both backends of ptflops."""

    def ready(network: nn.Module, image: Tensor) -> Callable[[], Figure]:
        from ptflops import get_model_complexity_info

        def call() -> Figure:
            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                macs, _ = get_model_complexity_info(
                    network,
                    tuple(image.shape[1:]),
                    as_strings=False,
                    print_per_layer_stat=False,
                    backend=backend,
                    verbose=verbose,
                    ost=said,
                )
            if macs is None:
                raise RuntimeError(said.getvalue().strip().splitlines()[-1])
            return macs, re.findall(r"Warning: (?:module )?(\S+) (?:operation )?is treated", said.getvalue())

        return call

    return ready


def calflops(network: nn.Module, image: Tensor) -> Callable[[], Figure]:
    """The MACs of calflops."""
    from calflops import calculate_flops

    def call() -> Figure:
        _, macs, _ = calculate_flops(
            network, tuple(image.shape), print_results=False, print_detailed=False, output_as_string=False
        )
        return macs, ()

    return call


def torchinfo(network: nn.Module, image: Tensor) -> Callable[[], Figure]:
    """The MACs of torchinfo."""
    from torchinfo import summary

    return lambda: (summary(network, input_data=[image], verbose=0).total_mult_adds, ())


def torchprofile(network: nn.Module, image: Tensor) -> Callable[[], Figure]:
    """The MACs of torchprofile."""
    from torchprofile import profile_macs

    def call() -> Figure:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            macs = profile_macs(network, image)
        found = [re.search(r'No handlers found: "([^"]+)"', str(one.message)) for one in said]
        return macs, tuple(match[1] for match in found if match)

    return call


def deepspeed(network: nn.Module, image: Tensor) -> Callable[[], Figure]:
    """DeepSpeed's profiler without the extra forward pass that it makes to warm up."""
    from deepspeed.profiling.flops_profiler import get_model_profile

    def call() -> Figure:
        _, macs, _ = get_model_profile(network, args=[image], print_profile=False, warm_up=0, as_string=False)
        return macs, ()

    return call


def torchscan(network: nn.Module, image: Tensor) -> Callable[[], Figure]:
    """The operator counts of torchscan."""
    from torchscan import measure_flops

    def call() -> Figure:
        report = measure_flops(lambda: network(image))
        missing = [one["operator"] for one in report["diagnostics"] if one["code"] == "uncounted_operator"]
        total = report["total"]
        return (total["value"] if total["known_value"] is None else total["known_value"]) / 2, missing

    return call


COUNTERS: dict[str, Counter] = {
    "ours": Counter("surgeon", "yolo-surgeon", ours),
    "get_flops": Counter("ultralytics get_flops", "ultralytics", get_flops),
    "thop": Counter("ultralytics-thop, full size", "ultralytics-thop", thop_full, lambda n, x: thop_full(n, x, True)),
    "fvcore": Counter("fvcore", "fvcore", fvcore),
    "ptflops": Counter("ptflops, pytorch", "ptflops", ptflops("pytorch"), ptflops("pytorch", True)),
    "ptflops-aten": Counter("ptflops, aten", "ptflops", ptflops("aten"), ptflops("aten", True)),
    "calflops": Counter("calflops", "calflops", calflops),
    "torchinfo": Counter("torchinfo", "torchinfo", torchinfo),
    "torchprofile": Counter("torchprofile", "torchprofile", torchprofile),
    "deepspeed": Counter("DeepSpeed's profiler", "deepspeed", deepspeed),
    "torchscan": Counter("torchscan", "torchscan", torchscan),
    "fcm": Counter("FlopCounterMode, CPU", "torch", flop_counter_mode),
    "fcm-meta": Counter("FlopCounterMode, meta", "torch", on_meta),
}
