"""An independent account of a network's MACs: its layers' closed forms, at the shapes seen in a plain pass on meta."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import FlopCounterMode


def closed_form(network: nn.Module, image: tuple[int, ...]) -> Counter[str]:
    """MACs by the path of the module that runs them.

    Args:
        network: In any mode; a copy without data is run in eval mode.
        image: Shape ``(B, C, H, W)``.
    """
    twin = emptied(network)
    book = Book(twin)
    with torch.no_grad(), Meeting(), book:
        twin(torch.empty(image, device="meta"))
    return book.macs


def flop_counter(network: nn.Module, image: tuple[int, ...]) -> int:
    """MACs by PyTorch's own counter, on a copy without data."""
    twin = emptied(network)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), Meeting(), counter:
        twin(torch.empty(image, device="meta"))
    return int(counter.get_total_flops()) // 2


def emptied(network: nn.Module) -> nn.Module:
    """A copy without data, in eval mode. Tensors that are plain attributes stay as they are."""
    memo: dict[int, Any] = {}
    for tensor in (*network.parameters(), *network.buffers()):
        bare = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
        memo[id(tensor)] = nn.Parameter(bare, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else bare
    return copy.deepcopy(network, memo).eval()


class Meeting(TorchDispatchMode):
    """Anchors and strides that a head keeps on the CPU meet maps without data."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        try:
            return func(*args, **kwargs)
        except (RuntimeError, NotImplementedError):
            args, kwargs = tree_map_only(Tensor, lambda one: one.to("meta") if one.dim() else one, (args, kwargs))
            return func(*args, **kwargs)


class Book(TorchFunctionMode):
    """Layers by hooks, products by their functions; on the innermost module that runs."""

    def __init__(self, twin: nn.Module) -> None:
        super().__init__()
        self.macs: Counter[str] = Counter()
        self._running = [""]
        self._layer = 0
        for path, module in twin.named_modules():
            module.register_forward_pre_hook(self._starts(path))
            module.register_forward_hook(self._ends, with_kwargs=True)

    def _starts(self, path: str) -> Any:
        def hook(module: nn.Module, args: Any) -> None:
            self._running.append(path)
            self._layer += type(module) in LAYERS

        return hook

    def _ends(self, module: nn.Module, args: Any, kwargs: Any, out: Any) -> None:
        form = LAYERS.get(type(module))
        if form is not None:
            self._layer -= 1
            self.macs[self._running[-1]] += form(module, args[0], out)
        self._running.pop()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if func in PRODUCTS and not self._layer:
            self.macs[self._running[-1]] += PRODUCTS[func](out, *args, **kwargs)
        assert func not in UNEXPECTED, f"{func.__name__} in {self._running[-1]}: no closed form"
        return out


def convolution(module: Any, x: Tensor, out: Tensor) -> int:
    """Each output element: a kernel over the input channels of its group."""
    return out.numel() * (module.in_channels // module.groups) * math.prod(module.kernel_size)


def transposed(module: Any, x: Tensor, out: Tensor) -> int:
    """Each input element: a kernel over the output channels of its group."""
    return x.numel() * (module.out_channels // module.groups) * math.prod(module.kernel_size)


def linear(module: Any, x: Tensor, out: Tensor) -> int:
    """Each row: in times out."""
    return x.numel() // module.in_features * module.in_features * module.out_features


LAYERS: dict[type[nn.Module], Any] = {
    nn.Conv1d: convolution,
    nn.Conv2d: convolution,
    nn.ConvTranspose2d: transposed,
    nn.Linear: linear,
}


def product(out: Tensor, a: Tensor, b: Tensor) -> int:
    """Each element: a row times a column."""
    return out.numel() * a.shape[-1]


def einsum(out: Tensor, equation: str, *operands: Any) -> int:
    """Two operands: the product of all axes, each letter once."""
    first, second = operands if len(operands) == 2 else operands[0]
    letters = equation.replace(" ", "").partition("->")[0].split(",")
    sides = dict(zip("".join(letters), (*first.shape, *second.shape), strict=True))
    return math.prod(sides.values())


def attention(out: Tensor, q: Tensor, k: Tensor, v: Tensor, *more: Any, **options: Any) -> int:
    """Queries by keys, and weights by values."""
    pairs = q.numel() // q.shape[-1] * k.shape[-2]
    return pairs * (q.shape[-1] + v.shape[-1])


def multi_head(out: Any, q: Tensor, k: Tensor, v: Tensor, width: int, *more: Any, **options: Any) -> int:
    """Four projections and two products; maps are (L, B, E)."""
    batch = q.shape[1]
    projections = (2 * q.shape[0] + k.shape[0] + v.shape[0]) * width * width
    return batch * (projections + 2 * q.shape[0] * k.shape[0] * width)


PRODUCTS: dict[Any, Any] = {
    torch.matmul: product,
    torch.bmm: product,
    torch.mm: product,
    Tensor.matmul: product,
    Tensor.__matmul__: product,
    torch.einsum: einsum,
    F.scaled_dot_product_attention: attention,
    F.multi_head_attention_forward: multi_head,
}

UNEXPECTED = {torch.baddbmm, torch.addmm, torch.addbmm, torch.tensordot, torch.chain_matmul, F.bilinear, torch.cdist}
