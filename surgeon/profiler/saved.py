"""Results as JSON and back, exactly. Torch-free.

A file holds the facts of one `ProfileResult` or `Comparison`, its kind and the schema version; every report is
rendered from them again. Infinite and undefined numbers, which JSON lacks, are strings.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from typing import Any

from surgeon.errors import InputError
from surgeon.profiler.deployed.figures import DeployedComparison
from surgeon.profiler.results import SCHEMA_VERSION, Comparison, ProfileResult

Saved = ProfileResult | Comparison | DeployedComparison

_KINDS: dict[str, type[Saved]] = {
    "profile": ProfileResult,
    "comparison": Comparison,
    "deployed": DeployedComparison,
}


def to_json(result: Saved, *, indent: int | None = 1) -> str:
    """The result as JSON text.

    Args:
        result: What to save.
        indent: Spaces of indentation, None for one line.
    """
    kind = next(name for name, cls in _KINDS.items() if isinstance(result, cls))
    document = {"kind": kind, **_encode(result)}
    return json.dumps(document, indent=indent, allow_nan=False, ensure_ascii=False)


def from_json(text: str) -> Saved:
    """The result that `to_json` wrote.

    Raises:
        InputError: The text is no saved result, or one of a schema that this version does not read.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"this is no saved result: it is not JSON ({error})") from error
    kind = document.pop("kind", None) if isinstance(document, dict) else None
    if kind not in _KINDS:
        raise InputError(f"this is no saved result: its kind is {kind!r}, known are {', '.join(_KINDS)}")
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"this result was saved in schema {version!r}, this surgeon reads {SCHEMA_VERSION}: "
            "measure again, or use the surgeon version that saved it"
        )
    try:
        decoded: Saved = _decode(_KINDS[kind], document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"this saved result is damaged: {error}") from error
    return decoded


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _decode(kind: Any, data: Any) -> Any:
    """Rebuild a value of an annotated type, refusing what does not fit it."""
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if data is None and type(None) in arguments:
            return None
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _decode(inner, data)
    if origin is tuple:
        return _decode_tuple(arguments, data)
    if origin is dict:
        return {_decode(arguments[0], key): _decode(arguments[1], item) for key, item in data.items()}
    return _decode_scalar(kind, data)


def _decode_dataclass(kind: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise TypeError(f"{kind.__name__} is {type(data).__name__}, not an object")
    hints = typing.get_type_hints(kind)
    unknown = sorted(data.keys() - hints.keys())
    if unknown:
        raise ValueError(f"{kind.__name__} has no field {unknown[0]!r}; a newer surgeon may have saved it")
    return kind(**{name: _decode(hints[name], item) for name, item in data.items()})


def _decode_tuple(arguments: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise TypeError(f"a list was expected, not {type(data).__name__}")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_decode(arguments[0], item) for item in data)
    return tuple(_decode(argument, item) for argument, item in zip(arguments, data, strict=True))


def _decode_scalar(kind: Any, data: Any) -> Any:
    if kind is float and (data in ("inf", "-inf", "nan") or (isinstance(data, int) and not isinstance(data, bool))):
        return float(data)
    if type(data) is not kind:
        raise TypeError(f"{data!r} is no {kind.__name__}")
    return data
