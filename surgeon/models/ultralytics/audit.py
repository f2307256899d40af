"""Checks of a checkpoint that was just unpickled, before anything of it is called.

The unpickler vouches for what could be *made*; this file vouches for where it was *put*. A network's hooks, its
``forward`` and its tensors' hooks hold nothing but what a save writes there, its tables of children are what torch
expects, and a ``model.yaml`` inside it does not run code when Ultralytics rebuilds from it.
"""

from __future__ import annotations

import enum
import pathlib
import types
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

import yolo_surgeon
from surgeon.errors import ModelFileError, UntrustedFileError
from surgeon.models.ultralytics.activation import check_model_yaml, without_downloads
from surgeon.models.ultralytics.allow_list import GraftHook, StandIn
from surgeon.models.ultralytics.consent import within
from surgeon.models.ultralytics.numpy_values import NumpyArray, NumpyType
from surgeon.models.ultralytics.yaml_size import check_size
from yolo_surgeon import HOOK_KEY, graft_after, graft_before

MAX_NESTING = 200
"""Deepest nesting of modules; deeper ones only exhaust the stack."""

_LEAVES = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray, torch.Size, torch.device, torch.dtype),
    *(torch.layout, torch.memory_format, torch.qscheme, NumpyType),
)
_CONTAINERS = (list, tuple, dict, set, OrderedDict, Counter)
_TABLES: dict[str, type | tuple[type, ...]] = {
    "_parameters": torch.Tensor,
    "_buffers": torch.Tensor,
    "_modules": nn.Module,
}
_HOOKS = (
    *("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks"),
    *("_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"),
)


_GRAFT_TABLES = {"graft_after": "_forward_hooks", "graft_before": "_forward_pre_hooks"}


def audit(root: Any, origin: str, trust_modules: Sequence[str] = ()) -> None:
    """Refuse a loaded object whose contents would be called, or that is built unlike any saved network.

    Class references of torch layers and of trusted packages, kept as stand-ins so far, become the classes.

    Args:
        root: What ``torch.load`` returned.
        origin: The file, for messages.
        trust_modules: Packages the user allowed.

    Raises:
        UntrustedFileError: Something callable stands where no save puts it.
        ModelFileError: A module is damaged, or its ``model.yaml`` cannot be used.
    """
    seen: set[int] = set()
    queue: list[tuple[str, Any]] = [("", root)]
    while queue:
        where, value = queue.pop()
        if type(value) in _LEAVES or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, nn.Module) and not _is_planted(value):
            _check_module(value, where, origin)
            _check_yaml(value, origin, trust_modules)
        queue.extend(_children(where, value, origin, trust_modules))
    if isinstance(root, nn.Module):
        _check_nesting(root, origin)
    elif isinstance(root, dict):
        for network in root.values():
            if isinstance(network, nn.Module):
                _check_nesting(network, origin)


def _children(where: str, value: Any, origin: str, trust_modules: Sequence[str]) -> Iterator[tuple[str, Any]]:
    if type(value) in (torch.Tensor, nn.Parameter):
        if value._backward_hooks:
            raise _untrusted(origin, where, "a tensor with hooks")
        yield from _attributes(where, value, origin, trust_modules)
    elif type(value) in _CONTAINERS:
        if isinstance(value, dict):
            yield from ((f"{where}.{key}" if type(key) is str else where, item) for key, item in value.items())
        yield from ((where, item) for item in value)
    elif value is graft_after or value is graft_before:
        return
    elif isinstance(value, types.MethodType | types.FunctionType):
        if not value.__name__.startswith("forward") or not _is_method_of_network(value):
            raise _untrusted(origin, where, f"the function {value.__name__}")
        yield from [(where, value.__self__)] if isinstance(value, types.MethodType) else []
    elif isinstance(value, np.generic | NumpyArray | pathlib.Path | enum.Enum) or _is_planted(value):
        return
    elif isinstance(value, type):
        raise _untrusted(origin, where, f"the class {value.__name__}")
    elif not isinstance(value, nn.Module) and (_is_foreign_data(value) or not hasattr(value, "__dict__")):
        raise _untrusted(origin, where, f"a {type(value).__name__}")
    else:
        yield from _attributes(where, value, origin, trust_modules)


def _attributes(where: str, owner: Any, origin: str, trust_modules: Sequence[str]) -> Iterator[tuple[str, Any]]:
    state = vars(owner)
    for key, value in list(state.items()):
        if type(key) is not str or (key.startswith("__") and key.endswith("__")):
            raise _untrusted(origin, where, f"the special attribute {key!r}")
        if isinstance(value, StandIn) and _may_be_stored(value.real, trust_modules):
            state[key] = value.real
        else:
            yield f"{where}.{key}", value


def _check_module(module: nn.Module, where: str, origin: str) -> None:
    state = vars(module)
    for table, kind in _TABLES.items():
        entries = state.get(table)
        if type(entries) not in (dict, OrderedDict):
            raise ModelFileError(f"{origin} is damaged: {where[1:] or 'its network'} has no {table}")
        for name, value in entries.items():  # type: ignore[union-attr]
            if type(name) is not str or not (value is None or isinstance(value, kind)):
                raise ModelFileError(f"{origin} is damaged: {where[1:]}.{name} is a {type(value).__name__}")
    for table in _HOOKS:
        hooks = state.get(table, {})
        if type(hooks) not in (dict, OrderedDict):
            raise ModelFileError(f"{origin} is damaged: {where[1:]} has no {table}")
        for key, hook in hooks.items():
            if isinstance(hook, GraftHook) and key == HOOK_KEY and table == _GRAFT_TABLES[hook.name]:
                hooks[key] = getattr(yolo_surgeon, hook.name)
            elif not within(type(hook).__module__, "surgeon"):
                raise _untrusted(origin, f"{where}.{table}", "a hook")


def _check_yaml(module: nn.Module, origin: str, trust_modules: Sequence[str]) -> None:
    state = vars(module)
    d = state.get("yaml")
    if isinstance(d, dict) and ("backbone" in d or "activation" in d):
        where = f"{origin} (the model.yaml inside)"
        check_model_yaml(d, where, trust_modules=trust_modules, lenient=True, downloads=True)
        state["yaml"], _ = without_downloads(d)
        check_size(state["yaml"], where)


def _check_nesting(network: nn.Module, origin: str) -> None:
    # Depth first with an explicit stack: a module that contains itself would never end.
    stack = [iter(network._modules.values())]
    path = [id(network)]
    done: set[int] = set()
    while stack:
        child = next(stack[-1], stack)
        if child is stack:
            stack.pop()
            done.add(path.pop())
        elif isinstance(child, nn.Module) and id(child) not in done:
            if id(child) in path or len(path) >= MAX_NESTING:
                raise ModelFileError(f"{origin} is damaged: a module of its network contains itself or nests too deep")
            path.append(id(child))
            stack.append(iter(child._modules.values()))


def _may_be_stored(real: type, trust_modules: Sequence[str]) -> bool:
    return any(within(real.__module__, package) for package in ("torch.nn.modules", *trust_modules))


def _is_foreign_data(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] in ("builtins", "torch", "surgeon")


def _is_planted(value: Any) -> bool:
    # Built by surgeon from a checked payload, not by the pickle.
    return isinstance(value, nn.Module) and within(type(value).__module__, "surgeon")


def _is_method_of_network(function: types.MethodType | types.FunctionType) -> bool:
    inner = function.__func__ if isinstance(function, types.MethodType) else function
    return isinstance(inner, types.FunctionType) and "." in inner.__qualname__ and "<" not in inner.__qualname__


def _untrusted(origin: str, where: str, what: str) -> UntrustedFileError:
    place = where.lstrip(".") or "its top level"
    return UntrustedFileError(
        f"{origin} stores {what} at {place}, where no saved network has one: running the network would call it; "
        "--trust opens the file all the same, which lets it run any code with your rights"
    )
