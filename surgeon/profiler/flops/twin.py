"""A twin of a network to count on: the same modules without their data, each call of which is reported.

`copy.deepcopy` takes several times longer than a whole counting pass; here everything that cannot change is shared,
and parameters of one shape and type are one tensor of the meta device.
"""

from __future__ import annotations

import copy
import gc
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.errors import MeasurementError
from surgeon.profiler.flops.rules.base import blank

Watch = Callable[[str, nn.Module, Callable[..., Any]], Callable[..., Any]]
"""``watch(path, module, forward)`` gives the function that is called in place of ``forward``."""

Also = Callable[[str, str], None]
"""``also(first_path, path)``: the module that was watched under the first path is at another as well."""

_ATOMS = frozenset({bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size, type})
_OWN = {nn.Conv2d: 11, nn.BatchNorm2d: 5, nn.SiLU: 1}
"""How many attributes the most frequent modules have beside every module's; all of them are constants. One that has
more was given something."""

_STRANGE = -1
"""Of classes that know better how their modules are copied."""


@contextmanager
def counting_twin(module: nn.Module, device: str, watch: Watch, also: Also | None = None) -> Iterator[nn.Module]:
    """A twin for one pass. It is taken apart afterwards, so that nothing waits for the garbage collector.

    The collector rests meanwhile: thousands of new objects would make it walk all old ones, which takes longer than
    the pass.

    Args:
        module: The network; only read.
        device: ``meta``: parameters and buffers have shapes and no data; plain attributes (a head's strides and
            anchors) stay real, because heads read their values. ``cpu``: with copies of the data. Both float32 and in
            eval mode.
        watch: Told of every module.
        also: Told of the further paths of modules that are in several places.

    Raises:
        MeasurementError: The module cannot be copied.
    """
    collecting = gc.isenabled()
    gc.disable()
    twins = _Twins(device, watch)
    try:
        twin = twins.of_whole(module)
        if also is not None:
            twins.tell(also)
        yield twin
    finally:
        twins.take_apart()
        if collecting:
            gc.enable()


class _Twins:
    """Makes twins; remembers which were made, as ``copy.deepcopy`` does, so that sharing is kept."""

    def __init__(self, device: str, watch: Watch) -> None:
        self._device, self._watch = device, watch
        self._memo: dict[int, Any] = {}
        self._pool: dict[tuple[Any, ...], Tensor] = {}
        self._made: list[nn.Module] = []
        self._paths: dict[int, str] = {}
        """By the identity of the twin."""
        self._again: list[tuple[nn.Module, str]] = []
        """Modules that are in several places, with each further path."""
        self._unfinished: list[tuple[nn.Module, str]] = []
        """Twins that still hold what the network's modules have of their own, with their paths."""
        common = nn.Module().__dict__
        self._common = frozenset(common)
        self._hooks = tuple(name for name in common if name.startswith("_forward"))
        self._sizes = {kind: len(common) + own for kind, own in _OWN.items()}
        """How many attributes a module has that has nothing of its own, by class; or `_STRANGE`."""

    def of_whole(self, module: nn.Module) -> nn.Module:
        try:
            self._whole = module
            twin = self._of_module(module, "")
            for one, path in self._unfinished:  # now there is a twin of whatever they refer to
                self._take_own(one.__dict__)
                self._set_forward(one, path)
            return twin
        except Exception as error:
            raise MeasurementError(f"the network cannot be copied for counting: {error}") from error

    def tell(self, also: Also) -> None:
        """Tell of the further paths of shared modules, and of all that is in them."""
        for shared, path in self._again:
            first = self._paths.get(id(shared), path)
            also(first, path)
            for inner in [inner for inner, _ in shared.named_modules() if inner] if shared._modules else ():
                also(f"{first}.{inner}", f"{path}.{inner}")

    def take_apart(self) -> None:
        """Break the cycles between modules and what watches them."""
        for twin in self._made:
            twin.__dict__.clear()

    def _of_module(self, module: nn.Module, path: str) -> nn.Module:
        made = self._memo.get(id(module))
        if made is not None:
            self._again.append((made, path))
            return made  # type: ignore[no-any-return]
        kind = type(module)
        size = self._sizes.get(kind)
        if size is None:
            size = self._sizes[kind] = _STRANGE if hasattr(kind, "__deepcopy__") else len(self._common)
        if size == _STRANGE:
            return self._of_stranger(module, path)
        twin = kind.__new__(kind)
        self._memo[id(module)] = twin
        self._made.append(twin)
        self._paths[id(twin)] = path
        own = module.__dict__
        state = own.copy()
        object.__setattr__(twin, "__dict__", state)  # faster than to fill the one it has
        finished = len(own) == size
        for name in self._hooks:
            if own[name]:
                finished = False
            else:
                state[name] = OrderedDict()  # an observer adds its own
        state["_parameters"] = self._of_tensors(own["_parameters"]) if own["_parameters"] else {}
        state["_buffers"] = self._of_tensors(own["_buffers"]) if own["_buffers"] else {}
        prefix = f"{path}." if path else ""
        modules = state["_modules"] = {}
        for key, child in own["_modules"].items():
            modules[key] = None if child is None else self._of_module(child, prefix + key)
        state["training"] = False
        if finished:
            state.update(modules)  # found there at once; ``nn.Module`` looks into ``_modules`` when all else fails
            self._set_forward(twin, path)
        else:
            self._unfinished.append((twin, path))
        return twin

    def _set_forward(self, twin: nn.Module, path: str) -> None:
        state = twin.__dict__
        state["forward"] = self._watch(path, twin, state.get("forward") or type(twin).forward.__get__(twin))

    def _take_own(self, state: dict[str, Any]) -> None:
        """Copy what a module has beside what every module has."""
        for name, value in state.items():
            sort = type(value)
            if name in self._common:
                if name in self._hooks and value:
                    state[name] = copy.deepcopy(value, self._memo)
            elif sort in _ATOMS or (sort is tuple and _ATOMS.issuperset(map(type, value))):
                continue
            elif sort is Tensor and id(value) not in self._memo:
                state[name] = value.detach().clone()  # deepcopy refuses what was computed with gradients
            else:
                state[name] = self._copied(value)

    def _copied(self, value: Any) -> Any:
        """``copy.deepcopy``, which is slow for what is most of all copied: lists and dictionaries of constants."""
        sort = type(value)
        if sort in _ATOMS:
            return value
        made = self._memo.get(id(value))
        if made is None and sort is list:
            made = self._memo[id(value)] = []
            made.extend(map(self._copied, value))
        elif made is None and sort is dict and _ATOMS.issuperset(map(type, value)):
            made = self._memo[id(value)] = {}
            made.update(zip(value, map(self._copied, value.values()), strict=True))
        return copy.deepcopy(value, self._memo) if made is None else made

    def _of_stranger(self, module: nn.Module, path: str) -> nn.Module:
        self._fill(self._whole)
        twin = copy.deepcopy(module, self._memo).eval()
        for inner, part in twin.named_modules():
            if not isinstance(part, torch.jit.ScriptModule):  # runs outside Python; its operators belong to its parent
                whole = f"{path}.{inner}".strip(".")
                part.__dict__["forward"] = self._watch(whole, part, part.forward)
        return twin

    def _fill(self, module: nn.Module) -> None:
        """Make the twins of all parameters and buffers: ``deepcopy`` may find them in any place."""
        waiting, seen = [module], set()
        while waiting:
            state = waiting.pop().__dict__
            if id(state) in seen:
                continue
            seen.add(id(state))
            self._of_tensors(state["_parameters"])
            self._of_tensors(state["_buffers"])
            waiting.extend(child for child in state["_modules"].values() if child is not None)

    def _of_tensors(self, tensors: Mapping[str, Tensor | None]) -> dict[str, Tensor | None]:
        """Twins of parameters or buffers."""
        twins: dict[str, Tensor | None] = {}
        for key, tensor in tensors.items():
            made = None if tensor is None else self._memo.get(id(tensor))
            if made is None and tensor is not None:
                made = self._memo[id(tensor)] = self._of_tensor(tensor)
            twins[key] = made
        return twins

    def _of_tensor(self, tensor: Tensor) -> Tensor:
        """The same elsewhere; floating tensors become float32."""
        if self._device != "meta":
            return self._elsewhere(tensor, torch.float32 if tensor.is_floating_point() else tensor.dtype)
        key = (type(tensor), tensor.shape, tensor.dtype, tensor.requires_grad)
        made = self._pool.get(key)
        if made is None:
            dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
            made = self._pool[key] = self._elsewhere(tensor, dtype)
        return made

    def _elsewhere(self, tensor: Tensor, dtype: torch.dtype) -> Tensor:
        if self._device == "meta":
            made = blank(tensor.shape, dtype)
        else:
            made = tensor.detach().to(device=self._device, dtype=dtype, copy=True)
        return nn.Parameter(made, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else made
