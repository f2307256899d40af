"""What the box of an operator says: field-standard words for one recorded call."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from docs.gallery.dims import Sizes
from docs.gallery.trace import Call, Ref

#: Operators that only lay the same numbers out anew: no box.
LAYOUT = frozenset(
    {"view", "reshape", "flatten", "unflatten", "permute", "transpose", "movedim", "squeeze", "unsqueeze", "expand"}
    | {"expand_as", "contiguous", "clone", "detach", "to", "type_as", "float", "double", "half"}
)
LAYERS = frozenset({"conv2d", "conv1d", "linear"})
NORMS = frozenset({"batch_norm", "layer_norm", "group_norm"})
SPLITS = frozenset({"chunk", "split", "unbind", "getitem"})

_WORDS = {
    "batch_norm": "BatchNorm",
    "layer_norm": "LayerNorm",
    "group_norm": "GroupNorm",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "hardtanh": "ReLU6",
    "silu": "SiLU",
    "gelu": "GELU",
    "sigmoid": "σ",
    "hardswish": "h-swish",
    "sqrt": "√",
    "abs": "|·|",
    "pixel_shuffle": "pixel shuffle",
    "cat": "concat",
    "scatter": "one-hot",
    "topk": "top-k",
    "grid_sample": "bilinear sampling",
    "setitem": "quarters shifted by a pixel",
    "interpolate": "resize",
    "chunk": "split",
    "unbind": "split",
    "getitem": "split",
    "roll": "cyclic shift",
}
_WINDOWS = ("9", "25", "49", "576")
_ARITHMETIC = {"mul": "×", "add": "+", "sub": "−", "div": "÷"}
_REDUCTIONS = {"mean": "mean", "sum": "sum", "max": "max", "amax": "max", "norm": "L2 norm", "std": "std"}


def label(calls: tuple[Call, Call], sizes: Sizes, moving: Callable[[Ref], bool], constants: str) -> str:
    """The words for one call.

    Args:
        calls: The call as recorded at the two sizes.
        sizes: The two sizes.
        moving: Whether a tensor depends on the block's input.
        constants: Names of the parameters that go in beside what moves; empty for none.
    """
    op = calls[0].op
    if op in ("conv2d", "conv1d"):
        return _convolution(calls, sizes, moving)
    if op.removeprefix("r").removeprefix("true") in _ARITHMETIC or op in ("rpow", "pow"):
        return _arithmetic(calls, sizes, moving, constants)
    if op in ("matmul", "einsum"):
        return _product(calls[0], constants)
    if op in _REDUCTIONS or op == "softmax":
        return f"{op if op == 'softmax' else _REDUCTIONS[op]} over {_reduced(calls, sizes)}"
    if op.startswith(("adaptive_", "avg_pool", "max_pool")):
        return _pooling(calls, sizes)
    return _neighbours(calls[0]) if op == "unfold" else _WORDS.get(op, op)


def _product(call: Call, constants: str) -> str:
    if call.op == "einsum" and not _contracts(call.args[0]):
        return f"× {constants}" if constants else "×"
    return f"matmul with {constants}" if constants else "matmul"


def _neighbours(call: Call) -> str:
    kernel = _pair(_argument(call, 1, "kernel_size"))
    steps = _pair(_argument(call, 2, "dilation", 1))
    return f"{kernel[0]}×{kernel[1]} neighbours" + (f", dilation {steps[0]}" if steps[0] > 1 else "")


def _convolution(calls: tuple[Call, Call], sizes: Sizes, moving: Callable[[Ref], bool]) -> str:
    call, other = calls
    weight, channels = call.args[1], call.args[0].shape[1]
    stride, dilation = (_pair(_argument(call, i, key, 1)) for i, key in ((3, "stride"), (5, "dilation")))
    groups = [_argument(one, 6, "groups", 1) for one in (call, other)]
    size = "×".join(map(str, weight.shape[2:]))
    text = f"1-D conv {size}" if len(weight.shape) == 3 else f"conv {size}"
    if moving(weight) and weight.kind == "call" and len(weight.shape) == 4:
        text += ", kernel given"
    if 1 < groups[0] == channels:
        text = f"depthwise {size}"
    elif groups[0] > 1:
        text += f", {sizes.name((groups[0], groups[1]))} groups"
    if max(dilation) > 1:
        text += f", dilation {max(dilation)}"
    return text + (f", stride {max(stride)}" if max(stride) > 1 else "")


def _arithmetic(calls: tuple[Call, Call], sizes: Sizes, moving: Callable[[Ref], bool], constants: str) -> str:
    call, other = calls
    op = call.op.removeprefix("r").replace("truediv", "div")
    numbers = [(one, two) for one, two in zip(call.args, other.args, strict=True) if isinstance(one, int | float)]
    if op == "pow":
        return "square" if numbers[0][0] == 2 else f"to the power {numbers[0][0]:g}"
    sign = _ARITHMETIC[op]
    if sum(isinstance(item, Ref) and moving(item) for item in call.args) > 1:
        return sign
    if not numbers or constants:
        return f"{sign} {constants or 'constants'}"
    if call.op.startswith("r") and op in ("sub", "div"):
        return f"{_number(numbers[0], sizes)} {sign} ·"
    if op == "mul" and (root := _root(numbers[0], sizes)):
        return f"÷ √{root}"
    return f"{sign} {_number(numbers[0], sizes)}"


def _number(pair: tuple[float, float], sizes: Sizes) -> str:
    one, two = pair
    if one == two:
        return f"{one:.3g}".replace("-", "−")
    name = sizes.name((round(one), round(two)))
    less = sizes.name((round(one) + 1, round(two) + 1))
    return name if name != "·" else f"({less} − 1)"


def _root(pair: tuple[float, float], sizes: Sizes) -> str:
    """What a factor is one over the square root of, where it is: the scale of an attention."""
    squares = [1 / value**2 for value in pair]
    if any(abs(square - round(square)) > 1e-6 for square in squares) or round(squares[0]) in (1, 4, 9, 100, 10000):
        return ""
    name = sizes.name((round(squares[0]), round(squares[1])))
    return f"({name})" if "/" in name else name


def _contracts(equation: str) -> bool:
    """Whether an einsum adds anything up."""
    inputs, _, output = equation.partition("->")
    return bool(set(inputs) - set(output) - {","})


def _reduced(calls: tuple[Call, Call], sizes: Sizes) -> str:
    dims = _argument(calls[0], 2 if calls[0].op == "norm" else 1, "dim")
    shapes = [call.args[0].shape for call in calls]
    if dims is None:
        return "all"
    chosen = dims if isinstance(dims, tuple) else (dims,)
    return _over(sizes, [(shapes[0][dim], shapes[1][dim]) for dim in chosen])


def _over(sizes: Sizes, pairs: list[tuple[int, int]]) -> str:
    """What an axis holds: pixels, rows, columns or channels, where its size tells."""
    names = [sizes.name(pair) for pair in pairs]
    if names in (["H", "W"], ["N"]):
        return "H·W"
    return f"{names[0]} neighbours" if names[0] in _WINDOWS else ", ".join(names)


def _pooling(calls: tuple[Call, Call], sizes: Sizes) -> str:
    call = calls[0]
    word = "max" if "max" in call.op else "mean"
    shapes = [one.args[0].shape[-2:] for one in calls]
    outs = [one.shapes[0][-2:] for one in calls]
    if math.prod(outs[0]) == 1:
        whole = math.prod(shapes[0])
        return f"{word} over {'H·W' if sizes.name((whole, math.prod(shapes[1]))) == 'N' else 'all cells'}"
    if call.op.startswith("adaptive"):
        if outs[0][0] == shapes[0][0]:
            return f"{word} over {sizes.name((shapes[0][1], shapes[1][1]))}"
        if outs[0][1] == shapes[0][1]:
            return f"{word} over {sizes.name((shapes[0][0], shapes[1][0]))}"
        return f"{word} of each cell of a grid" if outs[0] == outs[1] else "average, stretched over the map"
    kernel = _pair(_argument(call, 1, "kernel_size"))
    other = _pair(_argument(calls[1], 1, "kernel_size"))
    if kernel != other:
        return f"{word} of each region"
    return f"{word} pool {kernel[0]}×{kernel[1]}"


def _argument(call: Call, index: int, key: str, default: Any = None) -> Any:
    value = call.args[index] if len(call.args) > index else call.kwargs.get(key, default)
    return default if value is None else value


def _pair(value: Any) -> tuple[int, ...]:
    if isinstance(value, tuple):
        return value if len(value) > 1 else (value[0], value[0])
    return (value, value)
