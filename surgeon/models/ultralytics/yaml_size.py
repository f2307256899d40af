"""How many parameters a ``model.yaml`` asks for, counted without allocating one.

A few lines can ask for terabytes. Ultralytics' own parser builds the rows on torch's ``meta`` device, where tensors
have shapes only, and is stopped at the limit. Memory of a forward pass is not bounded by this.

Internals used: ``ultralytics.nn.tasks.parse_model(d, ch, verbose)`` (8.0.0).
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as module_hooks
from torch.overrides import TorchFunctionMode

from surgeon.errors import ModelFileError
from surgeon.models.ultralytics.activation import layer_class
from surgeon.models.ultralytics.default_activation import default_activation_kept
from surgeon.models.ultralytics.planted_size import planted_parameters

MAX_PARAMETERS = 1_000_000_000
"""Ten times the largest YOLO; 4 GB in float32."""

_SMALL = 4096
_FILL = (torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.fill_, torch.Tensor.zero_)


def check_size(d: Mapping[str, Any], origin: str, limit: int = MAX_PARAMETERS) -> None:
    """Refuse a description whose layers would hold more parameters than any network of this kind.

    Args:
        d: A ``model.yaml`` that `check_model_yaml` has passed. Of planted rows the catalog's count, users' own not.
        origin: Where it came from, for messages.
        limit: Most parameters that are accepted.

    Raises:
        ModelFileError: It asks for more.
    """
    from ultralytics.nn import tasks

    if _planted(d) > limit:
        raise _too_large(origin, limit)
    plain = _without_blocks(d)
    channels = int(d.get("channels") or d.get("ch") or 3)
    parse = tasks.parse_model
    while hasattr(parse, "__wrapped__"):
        parse = parse.__wrapped__
    with default_activation_kept():
        for light in (True, False):
            with _limit(origin, limit), torch.random.fork_rng(devices=[]):
                try:
                    with _Meta() if light else torch.device("meta"):
                        parse(copy.deepcopy(plain), channels, False)
                    return
                except ModelFileError:
                    raise
                except Exception:  # a description that cannot be built: the build itself says so, better
                    continue


def _planted(d: Mapping[str, Any]) -> int:
    """Parameters of the catalog's blocks among the rows."""
    total = 0
    for _, _, module, arguments in [*d["backbone"], *d["head"]]:
        if module.startswith("surgeon.") and len(arguments) == 3 and isinstance(arguments[2], dict):
            settings = arguments[2].get("settings") or {}
            total += planted_parameters(module.removeprefix("surgeon."), arguments[0], arguments[1], settings)
    return total


def _too_large(origin: str, limit: int) -> ModelFileError:
    return ModelFileError(f"{origin} asks for more than {limit} parameters; no YOLO network has so many")


@contextlib.contextmanager
def _limit(origin: str, limit: int) -> Iterator[None]:
    """Stop this thread when the modules it makes hold more parameters than the limit."""
    thread, total = threading.get_ident(), 0

    def count(_module: nn.Module, _name: str, parameter: nn.Parameter | None) -> None:
        nonlocal total
        if threading.get_ident() == thread and parameter is not None:
            total += parameter.numel()
            if total > limit:
                raise _too_large(origin, limit)

    hook = module_hooks.register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


class _Meta(TorchFunctionMode):
    """Makes large tensors on meta and small ones on the CPU; leaves large ones as they are.

    ``torch.device("meta")`` alone would do, but some operations then import torch's compiler, which takes seconds.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if getattr(func, "__module__", "") == "torch.nn.init" or func in _FILL:
            tensor = args[0] if args else kwargs["tensor"]
            # A small tensor is really filled: trunc_normal_ draws until the values lie in its range.
            return tensor if tensor.is_meta else func(*args, **kwargs)
        if func in (torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.eye):
            shape = (args[0], args[-1]) if func is torch.eye else args
            tensor = torch.empty(*shape, **{**kwargs, "device": "meta"})
            return tensor if tensor.numel() > _SMALL else func(*args, **kwargs)
        return func(*args, **kwargs)


def _without_blocks(d: Mapping[str, Any]) -> dict[str, Any]:
    plain = copy.deepcopy({key: value for key, value in d.items() if key != "surgeon"})
    for row in [*plain["backbone"], *plain["head"]]:
        if layer_class(row[2]) is None:
            widens = isinstance(row[3], list) and len(row[3]) > 1 and row[3][:1] != row[3][1:2]
            if widens and row[2].startswith("surgeon."):
                # As a rebuild does: Index tells parse_model the width, and reads one row.
                row[:] = [row[0] if isinstance(row[0], int) else -1, 1, "Index", [row[3][1]]]
            else:
                row[2:] = ["nn.Identity", []]
    return plain
