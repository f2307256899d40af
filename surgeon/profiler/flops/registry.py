"""Users' formulas: what one call of an operator, or of a module, costs.

A formula of an operator stands beside PyTorch's own; one of a module is counted instead of what the module runs.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import torch
from torch import nn
from torch._library.custom_ops import CustomOpDef
from torch._ops import HigherOrderOperator, OpOverload, OpOverloadPacket

from surgeon.errors import InputError, MeasurementError
from surgeon.profiler.flops.arguments import in_order
from surgeon.profiler.flops.formulas import BUILT_IN, REGISTERED, operator_name
from surgeon.profiler.flops.rules.base import below_the_modes

ModuleFormula = Callable[[nn.Module, tuple[Any, ...], Any], int]
"""``formula(module, inputs, output) -> MACs`` of one call of a module, for the whole batch."""

Target = str | type[nn.Module] | OpOverload | OpOverloadPacket | CustomOpDef | HigherOrderOperator

_AnyFormula = TypeVar("_AnyFormula", bound=Callable[..., int])
_Forward = Callable[..., Any]


class Book(Protocol):
    """What a module's formula is booked in; a `Ledger` is one."""

    @property
    def defined(self) -> bool:
        """Whether somebody speaks already for what runs."""

    def stating(self) -> AbstractContextManager[Callable[[int], None]]:
        """Around the module's forward; the function takes its MACs at the end."""


_OF_MODULES: dict[type[nn.Module], ModuleFormula] = {}


def register_macs(target: Target, *, replace: bool = False) -> Callable[[_AnyFormula], _AnyFormula]:
    """Decorate a function that says how many multiply-accumulate operations one call of something costs.

        @surgeon.register_macs("mylib::window_attention")
        def window_attention_macs(output, args, kwargs):
            batch, heads, tokens, width = args[0].shape
            return 2 * batch * heads * tokens * kwargs.get("window", 49) * width

    Args:
        target: An operator, all overloads of it, by name (``"mylib::window_attention"``) or as PyTorch's own object;
            its formula is ``formula(output, args, kwargs)``. Or an ``nn.Module`` class, and with it its subclasses
            that have no formula of their own; its formula is ``formula(module, inputs, output)``, the inputs in the
            order of the module's ``forward``. What a module runs then counts as executed only.
        replace: Take the place of a formula that is there.

    Returns:
        The decorator, which returns the function as it is. A formula gives a whole number for the whole batch. Tensors
        have no data in the usual pass; one that reads values moves the count to a real pass on the CPU.

    Raises:
        InputError: The target is neither, has a formula already, or consists of operators that are counted themselves.
    """
    key = _key(target)

    def register(formula: _AnyFormula) -> _AnyFormula:
        if not callable(formula):
            raise InputError(
                f"the formula for {_title(key)} is {formula!r}, which is no function: decorate one that returns MACs"
            )
        if not replace:
            _refuse_second(key, formula)
        if isinstance(key, str):
            REGISTERED[key] = _checked(formula, key)
        else:
            _OF_MODULES[key] = formula
        return formula

    return register


def unregister_macs(target: Target) -> None:
    """Take a user's formula back; the one that comes with surgeon, where there is one, counts again.

    Raises:
        InputError: Nobody registered one.
    """
    key = _key(target)
    formulas: dict[Any, Any] = REGISTERED if isinstance(key, str) else _OF_MODULES
    if formulas.pop(key, None) is None:
        raise InputError(f"{_title(key)} has no registered formula: register_macs gives it one")


def by_formula(module: nn.Module, forward: _Forward, book: Book) -> _Forward:
    """A forward method that counts by the module's formula; ``forward`` itself where nobody registered one.

    Args:
        module: A module of the twin.
        forward: Its own forward method.
        book: Where to book.
    """
    formula = _of_module(type(module)) if _OF_MODULES else None
    if formula is None:
        return forward
    macs = _checked(formula, type(module))

    def stated(*args: Any, **kwargs: Any) -> Any:
        if book.defined:
            return forward(*args, **kwargs)
        with book.stating() as state:
            out = forward(*args, **kwargs)
            state(macs(module, in_order(module, args, kwargs), out))
        return out

    return stated


def has_formula(module: nn.Module) -> bool:
    """Whether a user's formula speaks for this module."""
    return bool(_OF_MODULES) and _of_module(type(module)) is not None


def _of_module(kind: type) -> ModuleFormula | None:
    """The formula of the nearest class, unless a nearer one states its cost itself."""
    for base in kind.__mro__:
        if base in _OF_MODULES:
            return _OF_MODULES[base]
        if "definition_cost" in vars(base):
            return None
    return None


def _key(target: Any) -> str | type[nn.Module]:
    """Under which name or class a formula is kept."""
    if isinstance(target, type) and issubclass(target, nn.Module):
        if target is nn.Module:
            raise InputError("torch.nn.Module is the base of every module: register a formula for a class of your own")
        return target
    if isinstance(target, CustomOpDef):
        return str(target._qualname)
    if isinstance(target, OpOverloadPacket):
        return str(target._qualified_op_name)
    if isinstance(target, OpOverload | HigherOrderOperator):
        return operator_name(target)
    if isinstance(target, nn.Module):
        raise InputError(f"register_macs takes a class, and got a module: give {type(target).__name__}")
    if not isinstance(target, str):
        raise InputError(
            f"register_macs takes an operator or an nn.Module class, and got {target!r}: a name like "
            "'mylib::window_attention', torch.ops.mylib.window_attention, or the class"
        )
    namespace, _, name = target.partition("::")
    name, _, overload = name.partition(".")
    if not (namespace.isidentifier() and name.isidentifier() and (overload or "default").isidentifier()):
        raise InputError(f"{target!r} is no operator name: write namespace::name, like 'mylib::window_attention'")
    return f"{namespace}::{name}"


def _refuse_second(key: str | type[nn.Module], formula: Callable[..., int]) -> None:
    """Nothing is overwritten unasked, but the same function may come again: a notebook's cell that is run twice."""
    way_out = "give replace=True to count by yours"
    if isinstance(key, str):
        _refuse_composite(key)
        before: Any = REGISTERED.get(key)
        if before is None and key in BUILT_IN:
            raise InputError(f"{key} has a formula that comes with surgeon: {way_out}")
    else:
        before = _OF_MODULES.get(key)
        if before is None and "definition_cost" in vars(key):
            raise InputError(f"{_title(key)} states its cost itself (definition_cost): {way_out}")
    if before is not None and _origin(before) != _origin(formula):
        raise InputError(f"{_title(key)} has the formula {_title(before)} already: {way_out}")


def _refuse_composite(name: str) -> None:
    """Of an operator that is made of others PyTorch shows us only those."""
    namespace, _, plain = name.partition("::")
    packet = getattr(getattr(torch.ops, namespace), plain, None)
    if packet is None and namespace == "aten":
        raise InputError(f"PyTorch has no operator {name}")
    for overload in packet.overloads() if packet is not None else ():
        whole = f"{name}.{overload}" if overload != "default" else name
        if torch._C._dispatch_has_kernel_for_dispatch_key(whole, "CompositeImplicitAutograd"):
            raise InputError(
                f"{name} is made of other operators, which are counted one by one: register formulas for those, or "
                "for the module that calls it"
            )


def _checked(formula: Callable[..., Any], target: str | type[nn.Module]) -> Callable[..., int]:
    """The formula with its errors named; what it computes itself is not counted."""

    def macs(*call: Any) -> int:
        with torch._C.DisableTorchFunction(), below_the_modes():
            try:
                answer = formula(*call)
            except Exception as error:
                raise MeasurementError(
                    f"the formula {_title(formula)} for {_title(target)} failed: {type(error).__name__}: {error}"
                ) from error
            try:
                number = -1 if isinstance(answer, bool) else operator.index(answer)
            except Exception:
                number = -1
        if number < 0:
            raise MeasurementError(
                f"the formula {_title(formula)} for {_title(target)} gave {answer!r}: MACs are a whole number, and "
                "not negative"
            )
        return number

    macs.__wrapped__ = formula  # type: ignore[attr-defined]
    return macs


def _origin(formula: Any) -> tuple[Any, Any]:
    """Where a function comes from; of two runs of one notebook cell it is the same."""
    formula = inspect.unwrap(formula)
    name = getattr(formula, "__qualname__", "<lambda>")
    return getattr(formula, "__module__", None), formula if name.endswith("<lambda>") else name


def _title(thing: Any) -> str:
    """How a target or a formula is named in a sentence."""
    if isinstance(thing, str):
        return thing
    thing = inspect.unwrap(thing)
    name = getattr(thing, "__qualname__", None)
    return repr(thing) if name is None else f"{thing.__module__}.{name}"
