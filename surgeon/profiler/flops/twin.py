"""A twin of a network to count on: the same modules without their data, each call of which is reported.

`copy.deepcopy` takes several times longer than a whole counting pass; here everything that cannot change is shared,
and parameters of one shape and type are one tensor of the meta device.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.errors import MeasurementError

Watch = Callable[[str, nn.Module, Callable[..., Any]], Callable[..., Any]]
"""``watch(path, module, forward)`` gives the function that is called in place of ``forward``."""

_ATOMS = frozenset({bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size, type})
_EMPTY = frozenset({dict, OrderedDict, list, set})


def meta_twin(module: nn.Module, watch: Watch) -> nn.Module:
    """A twin whose parameters and buffers have shapes and no data, in eval mode and float32.

    Tensors that are plain attributes (a head's strides and anchors) stay real, because heads read their values.

    Args:
        module: The network; only read.
        watch: Told of every module, under the path that ``named_modules`` gives it.

    Raises:
        MeasurementError: The module cannot be copied.
    """
    return _Twins("meta", watch).of_whole(module)


def cpu_twin(module: nn.Module, watch: Watch) -> nn.Module:
    """A twin with copies of the data on the CPU, in eval mode and float32.

    Args:
        module: As for `meta_twin`.
        watch: As for `meta_twin`.

    Raises:
        MeasurementError: The module cannot be copied.
    """
    return _Twins("cpu", watch).of_whole(module)


class _Twins:
    """Makes twins; remembers which were made, as ``copy.deepcopy`` does, so that sharing is kept."""

    def __init__(self, device: str, watch: Watch) -> None:
        self._device, self._watch = device, watch
        self._memo: dict[int, Any] = {}
        self._pool: dict[tuple[Any, ...], Tensor] = {}

    def of_whole(self, module: nn.Module) -> nn.Module:
        try:
            self._fill(module)
            return self._of_module(module, "")
        except Exception as error:
            raise MeasurementError(f"the network cannot be copied for counting: {error}") from error

    def _fill(self, module: nn.Module) -> None:
        """Make the twins of all parameters and buffers first: ``deepcopy`` may find them in other places too."""
        waiting, seen = [module], set()
        while waiting:
            state = waiting.pop().__dict__
            if id(state) in seen:
                continue
            seen.add(id(state))
            for tensor in (*state["_parameters"].values(), *state["_buffers"].values()):
                if tensor is not None and id(tensor) not in self._memo:
                    self._memo[id(tensor)] = self._of_tensor(tensor)
            waiting.extend(child for child in state["_modules"].values() if child is not None)

    def _of_module(self, module: nn.Module, path: str) -> nn.Module:
        made = self._memo.get(id(module))
        if made is not None:
            return made  # type: ignore[no-any-return]
        kind = type(module)
        if hasattr(kind, "__deepcopy__"):  # knows better how it is copied
            return self._of_stranger(module, path)
        twin = kind.__new__(kind)
        self._memo[id(module)] = twin
        state = twin.__dict__
        for name, value in module.__dict__.items():
            sort = type(value)
            if sort in _ATOMS:
                state[name] = value
            elif sort in _EMPTY and not value:
                state[name] = sort()
            elif name in ("_parameters", "_buffers"):
                state[name] = sort((key, None if t is None else self._memo[id(t)]) for key, t in value.items())
            elif sort is tuple and _ATOMS.issuperset(map(type, value)):
                state[name] = value
            elif sort is Tensor and id(value) not in self._memo:
                state[name] = value.detach().clone()  # deepcopy refuses what was computed with gradients
            elif name != "_modules":
                state[name] = copy.deepcopy(value, self._memo)
        children = module.__dict__.get("_modules", {})
        prefix = f"{path}." if path else ""
        state["_modules"] = type(children)(
            (key, None if child is None else self._of_module(child, prefix + key)) for key, child in children.items()
        )
        state["training"] = False
        state["forward"] = self._watch(path, twin, state.get("forward") or kind.forward.__get__(twin))
        return twin

    def _of_stranger(self, module: nn.Module, path: str) -> nn.Module:
        twin = copy.deepcopy(module, self._memo).eval()
        for inner, part in twin.named_modules():
            if not isinstance(part, torch.jit.ScriptModule):  # runs outside Python; its operators belong to its parent
                whole = f"{path}.{inner}".strip(".")
                part.__dict__["forward"] = self._watch(whole, part, part.forward)
        return twin

    def _of_tensor(self, tensor: Tensor) -> Tensor:
        """The same elsewhere; floating tensors become float32."""
        dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
        learned = isinstance(tensor, nn.Parameter)
        if self._device != "meta":
            data = tensor.detach().to(device=self._device, dtype=dtype, copy=True)
            return nn.Parameter(data, requires_grad=tensor.requires_grad) if learned else data
        key = (tensor.shape, dtype, learned, tensor.requires_grad)
        made = self._pool.get(key)
        if made is None:
            made = torch.empty(tensor.shape, dtype=dtype, device="meta")
            made = self._pool[key] = nn.Parameter(made, requires_grad=tensor.requires_grad) if learned else made
        return made
