"""Versions and the ranges that a distribution declares, as far as it takes to say whether one is in the other."""

from __future__ import annotations

import re
from dataclasses import dataclass

_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?$")
_RELEASE = re.compile(r"^\s*v?(?:\d+!)?(\d+(?:\.\d+)*)")
_BOUND = re.compile(r"^(~=|===?|!=|<=|>=|<|>)\s*(\S+)$")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What a distribution needs.

    Attributes:
        name: Distribution.
        bounds: ``>=2.6,<2.16``; empty for any version.
        extra: The extra that it belongs to; empty for what is always needed.
        extras: Extras of the needed distribution, ``onnx`` of ``yolo-surgeon[onnx]``.
        conditional: Whether a marker other than the extra decides about it.
    """

    name: str
    bounds: str = ""
    extra: str = ""
    extras: tuple[str, ...] = ()
    conditional: bool = False

    def __str__(self) -> str:
        """As pip takes it."""
        return f"{self.name}{self.bounds}"


def requirement(text: str) -> Requirement | None:
    """Read one line of a distribution's metadata; None where it is none that can be read."""
    found = _REQUIREMENT.match(text)
    if found is None:
        return None
    name, extras, bounds, marker = found.groups()
    bounds = "" if bounds.startswith("@") else bounds  # an address instead of a range
    extra = _EXTRA.search(marker or "")
    rest = _EXTRA.sub("", marker or "").replace("and", "").strip(" ()")
    return Requirement(
        name=name,
        bounds=",".join(sorted((part.strip() for part in bounds.split(",") if part.strip()), key=_lower_first)),
        extra=extra[1] if extra else "",
        extras=tuple(part.strip() for part in (extras or "").split(",") if part.strip()),
        conditional=bool(rest),
    )


def satisfies(version: str, bounds: str) -> bool:
    """Whether a version lies in a range; what cannot be read is given the benefit of the doubt.

    Only the release counts: a development build of 2.16 is 2.16, and local parts (``+cu132``) say nothing.
    """
    have = release(version)
    return have is None or all(_keeps(have, bound.strip()) for bound in bounds.split(",") if bound.strip())


def release(version: str) -> tuple[int, ...] | None:
    """``2.15.0+cu132`` is ``(2, 15, 0)``; None for what is no version."""
    found = _RELEASE.match(version)
    return tuple(int(part) for part in found[1].split(".")) if found else None


def local_part(version: str) -> str:
    """``cu132`` of ``2.15.0+cu132``; empty where there is none."""
    return version.partition("+")[2]


def _lower_first(bound: str) -> tuple[bool, str]:
    return bound.startswith("<"), bound


def _keeps(have: tuple[int, ...], bound: str) -> bool:
    found = _BOUND.match(bound)
    limit = release(found[2]) if found else None
    if found is None or limit is None:
        return True
    length = max(len(have), len(limit))
    a, b = (part + (0,) * (length - len(part)) for part in (have, limit))
    sign = found[1]
    if found[2].endswith(".*"):
        return (have[: len(limit)] == limit) == (sign != "!=")
    if sign == "~=":
        return a >= b and have[: len(limit) - 1] == limit[:-1]
    return {"==": a == b, "===": a == b, "!=": a != b, "<=": a <= b, ">=": a >= b, "<": a < b, ">": a > b}[sign]
