"""Building a block: from the catalog by name, or from a class of the user's own.

Only :func:`load_factory` imports code that is not ours, and only when it is called.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from torch import nn

from surgeon.blocks import catalog
from surgeon.errors import BlockError

#: Second parameters that mean "channels of the output" in the classes people paste into YOLO.
_OUTPUT_NAMES = frozenset(
    {"out_channels", "out_channel", "c2", "cout", "c_out", "outp", "oup", "out_planes", "out_dim", "dim_out", "out_ch"}
)


def create(name: str, channels: int, out_channels: int | None = None, **settings: Any) -> nn.Module:
    """Build a block of the catalog.

    Args:
        name: Name or alias, in any case.
        channels: Channels of the input.
        out_channels: Channels of the output; None keeps them.
        **settings: The block's settings. Left-out ones take defaults that fit the width (``catalog.get(name).resolve``
            says which were adapted).

    Raises:
        BlockError: There is no such block or setting, or a value does not work at this width.
    """
    info = catalog.get(name)
    out = channels if out_channels is None else out_channels
    resolved = info.resolve(channels, out, settings)
    module: nn.Module = load_factory(info.factory)(channels, out, **resolved.settings)
    return module


def load_factory(spec: str) -> type[nn.Module]:
    """Import ``package.module:Class``. This runs the module's code: ask for consent first.

    Raises:
        BlockError: The name is malformed, the module or class is missing, or the class is no ``nn.Module``.
    """
    module_name, colon, class_name = spec.partition(":")
    if not colon or not module_name or not class_name.isidentifier():
        raise BlockError(f"{spec!r} names no class: write package.module:Class.")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise BlockError(
            f"{spec}: there is no module {error.name!r}; is its folder on PYTHONPATH or installed here?"
        ) from error
    except Exception as error:
        raise BlockError(f"{spec}: importing {module_name} failed: {type(error).__name__}: {error}") from error
    factory = getattr(module, class_name, None)
    if factory is None:
        classes = [key for key, value in vars(module).items() if _is_module_class(value)]
        raise BlockError(catalog.unknown(f"{module_name} has no class", class_name, classes))
    if not _is_module_class(factory):
        raise BlockError(f"{spec} is no torch.nn.Module class, so it cannot be planted.")
    return factory  # type: ignore[no-any-return]


def build(factory: type[nn.Module], channels: int, out_channels: int | None = None, **settings: Any) -> nn.Module:
    """Build a user's class.

    It is called as ``Class(channels, **settings)``, or as ``Class(channels, out_channels, **settings)`` when its second
    positional parameter has no default, or is named like an output width (``out_channels``, ``c2``, ``oup``, …). A
    parameter that ``settings`` names is never filled by position.

    Args:
        factory: The class.
        channels: Channels of the input.
        out_channels: Channels of the output; None keeps them.
        **settings: Passed on as keywords.

    Raises:
        BlockError: The class keeps its channels but others are wanted, or its constructor refuses the call.
    """
    out = channels if out_channels is None else out_channels
    takes_output = _takes_output(factory, settings)
    if out != channels and not takes_output:
        raise BlockError(
            f"{factory.__name__} takes no output width, so {channels} channels cannot become {out}; "
            "give its constructor a second parameter out_channels."
        )
    arguments = (channels, out) if takes_output else (channels,)
    try:
        return factory(*arguments, **settings)
    except Exception as error:
        call = ", ".join([*map(str, arguments), *(f"{key}={value!r}" for key, value in settings.items())])
        raise BlockError(f"{factory.__name__}({call}) failed: {type(error).__name__}: {error}") from error


def _takes_output(factory: type[nn.Module], settings: dict[str, Any]) -> bool:
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


def _is_module_class(value: object) -> bool:
    """Whether ``value`` is a class of modules."""
    return isinstance(value, type) and issubclass(value, nn.Module)
