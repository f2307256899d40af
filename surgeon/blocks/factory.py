"""Building a block: from the catalog by name, or from a class of the user's own.

Only :func:`load_factory` imports code that is not ours, and only when it is called.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from surgeon.blocks import catalog, timm_blocks
from surgeon.errors import BlockError

#: Second parameters that mean "channels of the output" in the classes people paste into YOLO.
_OUTPUT_NAMES = frozenset(
    {"out_channels", "out_channel", "c2", "cout", "c_out", "outp", "oup", "out_planes", "out_dim", "dim_out", "out_ch"}
)

Factory = Callable[..., nn.Module]
"""A class of modules, or what stands for one."""

Channels = int | Sequence[int]
"""Width of a block's input, or of each of its inputs where it takes a list."""


def create(name: str, channels: Channels, out_channels: int | None = None, **settings: Any) -> nn.Module:
    """Build a block of the catalog.

    Args:
        name: Name or alias, in any case.
        channels: Channels of the input; of each input, for a block that takes a list.
        out_channels: Channels of the output; None keeps them.
        **settings: The block's settings. Left-out ones take defaults that fit the width (``catalog.get(name).resolve``
            says which were adapted).

    Raises:
        BlockError: There is no such block or setting, or a value does not work at this width.
    """
    info = catalog.get(name)
    _check_inputs(info.name, channels, takes_list=info.takes_list)
    out = _output_width(channels, out_channels)
    resolved = info.resolve(channels, out, settings)  # type: ignore[arg-type]  # a list for a block that takes one
    module: nn.Module = load_factory(info.factory)(channels, out, **resolved.settings)
    return module


def load_factory(spec: str) -> Factory:
    """Import ``package.module:Class``, or timm's ``timm:NAME``. This runs the module's code: ask for consent first.

    Raises:
        BlockError: The name is malformed, the module or class is missing, or the class is no ``nn.Module``.
    """
    module_name, colon, class_name = spec.partition(":")
    if not colon or not module_name or not class_name.isidentifier():
        raise BlockError(f"{spec!r} names no class: write package.module:Class.")
    if module_name == timm_blocks.PACKAGE:
        return timm_blocks.load(class_name)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise BlockError(
            f"{spec}: there is no module {error.name!r}; is its folder on PYTHONPATH or installed here?"
        ) from error
    except Exception as error:
        raise BlockError(f"{spec}: importing {module_name} failed: {type(error).__name__}: {error}") from error
    factory: Factory | None = getattr(module, class_name, None)
    if factory is None:
        classes = [key for key, value in vars(module).items() if _is_module_class(value)]
        raise BlockError(catalog.unknown(f"{module_name} has no class", class_name, classes))
    if not _is_module_class(factory):
        raise BlockError(f"{spec} is no torch.nn.Module class, so it cannot be planted.")
    return factory


def build(factory: Factory, channels: Channels, out_channels: int | None = None, **settings: Any) -> nn.Module:
    """Build a user's class.

    It is called as ``Class(channels, **settings)``, or as ``Class(channels, out_channels, **settings)`` when its second
    positional parameter has no default, or is named like an output width (``out_channels``, ``c2``, ``oup``, …). A
    parameter that ``settings`` names is never filled by position. A class with the attribute ``takes_list = True`` is
    called as ``Class([c1, c2, ...], out_channels, **settings)``, and its module with a list of feature maps.

    Args:
        factory: The class.
        channels: Channels of the input; of each input, for a class that takes a list.
        out_channels: Channels of the output; None keeps them.
        **settings: Passed on as keywords.

    Raises:
        BlockError: The class keeps its channels but others are wanted, takes a list where one map is given or the
            reverse, or its constructor refuses the call.
    """
    takes_list = bool(getattr(factory, "takes_list", False))
    name = _name(factory)
    _check_inputs(name, channels, takes_list=takes_list)
    out = _output_width(channels, out_channels)
    takes_output = takes_list or _takes_output(factory, settings)
    if out != channels and not takes_output:
        raise BlockError(
            f"{name} takes no output width, so {channels} channels cannot become {out}; "
            "give its constructor a second parameter out_channels, or let --adapt plant a 1x1 convolution beside it."
        )
    given = channels if isinstance(channels, int) else list(channels)
    arguments = (given, out) if takes_output else (given,)
    try:
        return factory(*arguments, **settings)
    except Exception as error:
        call = ", ".join([*map(str, arguments), *(f"{key}={value!r}" for key, value in settings.items())])
        raise BlockError(f"{name}({call}) failed: {type(error).__name__}: {error}") from error


def _check_inputs(name: str, channels: Channels, *, takes_list: bool) -> None:
    """Refuse a block for one feature map where several come in, and the reverse."""
    if takes_list and isinstance(channels, int):
        raise BlockError(
            f"{name} takes a list of feature maps (takes_list), so it can only replace a row that reads several, such "
            "as Concat: surgeon replace --at Concat[0]."
        )
    if not takes_list and not isinstance(channels, int):
        raise BlockError(
            f"{name} takes one feature map, and {len(channels)} come in here: a class that takes their list says so by "
            "the class attribute takes_list = True."
        )


def _output_width(channels: Channels, out_channels: int | None) -> int:
    """The width of the output: as given, else that of the input, or the sum of several as Concat has it."""
    if out_channels is not None:
        return out_channels
    return channels if isinstance(channels, int) else sum(channels)


def _takes_output(factory: Factory, settings: dict[str, Any]) -> bool:
    """Whether the second positional parameter of the constructor is the output width."""
    try:
        parameters = list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError):  # no readable signature: an extension class
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [parameter for parameter in parameters if parameter.kind in kinds]
    if len(positional) < 2 or positional[1].name in settings:
        return False
    return positional[1].default is inspect.Parameter.empty or positional[1].name in _OUTPUT_NAMES


def _name(factory: Factory) -> str:
    """The class's name; timm has some with settings of their own bound to them."""
    return str(getattr(factory, "__name__", None) or getattr(getattr(factory, "func", factory), "__name__", factory))


def _is_module_class(value: object) -> bool:
    """Whether ``value`` is a class of modules."""
    return isinstance(value, type) and issubclass(value, nn.Module)
