"""Whether the user vouched for the code that a file names, and plain-data checks of what it hands to that code.

A planted block may be a user's own class, ``package.module:Class``; a file that names one would import it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from surgeon.errors import ModelFileError, UntrustedFileError
from surgeon.models.ultralytics.planted_size import planted_parameters

MAX_NUMBER = 100_000
"""Largest integer that a file may pass to a module: channels, classes, sizes."""
MAX_TEXT = 500
MAX_DEPTH = 12
MAX_ITEMS = 100_000

_PAYLOAD_KEYS: dict[str, type | tuple[type, ...]] = {
    "version": int,
    "name": str,
    "in_channels": (int, list),
    "out_channels": int,
    "settings": dict,
    "start": str,
    "training": bool,
    "tensors": dict,
    "frozen": list,
    "norms": dict,
    "row": dict,
}


def within(module: str, package: str) -> bool:
    """Whether a module is a package or lies inside it."""
    return module == package or module.startswith(package + ".")


def require_consent(name: str, origin: str, trust_modules: Sequence[str]) -> None:
    """Refuse a block that would import code nobody vouched for.

    Args:
        name: Catalog name of a block, or ``package.module:Class``.
        origin: The file that names it.
        trust_modules: Packages the user named.

    Raises:
        UntrustedFileError: It is a class of a package that the user did not name.
    """
    module, colon, _ = name.partition(":")
    if colon and not any(within(module, package) for package in trust_modules):
        package = module.partition(".")[0]
        raise UntrustedFileError(
            f"{origin} plants {name}, and opening it would import that code: "
            f"if you trust the package {package!r}, pass --trust-module {package}"
        )


def check_plain(value: Any, origin: str, where: str, *, bounded: bool = True) -> None:
    """Refuse anything but numbers, texts, None, lists and dicts of them.

    Args:
        value: What the file holds.
        origin: The file, for messages.
        where: The place in it.
        bounded: Whether numbers and texts are limited to `MAX_NUMBER` and `MAX_TEXT`.

    Raises:
        ModelFileError: With the place of the value.
    """
    stack: list[tuple[Any, int]] = [(value, 0)]
    visited = 0
    while stack:
        item, depth = stack.pop()
        visited += 1
        if visited > MAX_ITEMS or depth > MAX_DEPTH:
            raise ModelFileError(f"{origin}: {where} holds more than {MAX_ITEMS} values, or is nested too deep")
        if isinstance(item, list | tuple):
            stack += [(inner, depth + 1) for inner in item]
        elif isinstance(item, dict):
            stack += [(inner, depth + 1) for pair in item.items() for inner in pair]
        else:
            _check_scalar(item, f"{origin}: {where}", bounded)


def _check_scalar(value: Any, where: str, bounded: bool) -> None:
    if type(value) in (type(None), bool):
        return
    if type(value) not in (int, float, str):
        raise ModelFileError(f"{where} is a {type(value).__name__}; only plain data is accepted")
    if bounded and isinstance(value, str) and len(value) > MAX_TEXT:
        raise ModelFileError(f"{where} is a text of {len(value)} characters; {MAX_TEXT} are accepted")
    if bounded and not isinstance(value, str) and not abs(value) <= MAX_NUMBER:
        raise ModelFileError(f"{where} is {str(value)[:30]}; numbers up to {MAX_NUMBER} are accepted")


def check_payload(payload: Any, origin: str, trust_modules: Sequence[str]) -> None:
    """Check what a file hands to ``yolo_surgeon.restore`` before it is called.

    Raises:
        ModelFileError: It is no payload.
        UntrustedFileError: It names code that nobody vouched for.
    """
    if not isinstance(payload, dict) or any(not isinstance(payload.get(k), t) for k, t in _PAYLOAD_KEYS.items()):
        raise ModelFileError(f"{origin} holds a planted block that is damaged, or that a newer surgeon wrote")
    require_consent(payload["name"], origin, trust_modules)
    if payload.get("fused"):
        raise ModelFileError(
            f"{origin} was saved after fuse(): its {payload['name']} is there in its simpler form only; open the file "
            "that it was fused from"
        )
    for key in _PAYLOAD_KEYS.keys() - {"tensors", "row"}:
        check_plain(payload[key], origin, f"{key} of a planted block")
    row = {key: value for key, value in payload["row"].items() if key != "np"}
    check_plain(row, origin, "row of a planted block")
    tensors = payload["tensors"]
    if any(type(k) is not str or type(v) not in (torch.Tensor, torch.nn.Parameter) for k, v in tensors.items()):
        raise ModelFileError(f"{origin} holds a planted block whose tensors are no tensors")
    built = planted_parameters(payload["name"], payload["in_channels"], payload["out_channels"], payload["settings"])
    if built > sum(tensor.numel() for tensor in tensors.values()):
        # Building comes before comparing: a few bytes must not make it allocate terabytes.
        raise ModelFileError(f"{origin} holds a planted block with fewer tensors than it has: it is damaged")
