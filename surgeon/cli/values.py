"""The values that options take: image sizes, seconds, settings, devices, block names. Torch-free."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from surgeon.profiler.variants.names import VARIANTS, ordered

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # generic from click 8.2 on

Size = tuple[int, int]
LARGEST_SIDE = 16384

_SECONDS = re.compile(r"^(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|min)?$")
_UNIT_S = {None: 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0}
_MEMORY = re.compile(r"^(\d{1,12}(?:\.\d{1,12})?)\s*([kmgt]i?b)$")
_UNIT_BYTES = {
    f"{letter}{i}b": base**power for power, letter in enumerate("kmgt", 1) for i, base in (("", 1000), ("i", 1024))
}
_SIZE = re.compile(r"^(\d+)(?:[xX×](\d+))?$")
_EXPONENT = re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$")


class Sizes(ParamType):
    """``640``, ``480x640`` (height x width), or several with commas between them."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Size, ...]:
        """Parse; a refusal says what would work."""
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(self._one(text.strip(), value, param, ctx) for text in str(value).split(",")))

    def _one(self, text: str, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Size:
        found = _SIZE.match(text)
        height, width = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
            self.fail(
                f"{value!r} is no image size: give a side such as 640, height x width such as 480x640, or several with "
                f"commas, each side from 1 to {LARGEST_SIDE}",
                param,
                ctx,
            )
        return height, width


class Batches(ParamType):
    """``1``, or several with commas between them."""

    name = "batch"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Parse; a refusal says what would work."""
        if isinstance(value, tuple):
            return value
        texts = [text.strip() for text in str(value).split(",")]
        if not all(text.isdecimal() and int(text) > 0 for text in texts):
            self.fail(f"{value!r} is no batch size: give a number from 1, or several with commas such as 1,2,4")
        return tuple(dict.fromkeys(int(text) for text in texts))


class Seconds(ParamType):
    """``10``, ``10s``, ``1.5m``, ``500ms``."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse to seconds, more than 0."""
        found = _SECONDS.match(str(value).strip().lower())
        seconds = float(found[1]) * _UNIT_S[found[2]] if found else 0.0
        if not 0 < seconds < math.inf:
            self.fail(f"{value!r} is no time: give seconds such as 10 or 10s, or 2m", param, ctx)
        return seconds


class Percent(ParamType):
    """``0.5%`` or ``0.5``, as a fraction."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse to a fraction, more than 0 and at most 0.5."""
        try:
            fraction = float(str(value).strip().removesuffix("%")) / 100
        except ValueError:
            fraction = 0.0
        if not 0 < fraction <= 0.5:
            self.fail(f"{value!r} is no precision: give a percentage such as 0.5% or 2%, at most 50%", param, ctx)
        return fraction


class Memory(ParamType):
    """``8GiB``, ``24 GB``, ``512MiB``."""

    name = "memory"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse to bytes, at least one."""
        if isinstance(value, int):
            return value
        found = _MEMORY.match(str(value).strip().lower())
        size = int(Decimal(found[1]) * _UNIT_BYTES[found[2]]) if found else 0
        if not size:
            self.fail(f"{value!r} is no memory size: give a number with GiB, GB, MiB or MB, such as 8GiB", param, ctx)
        return size


class Device(ParamType):
    """``cpu``, ``cuda``, ``cuda:1``; Ultralytics' ``0`` is ``cuda:0``."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Spell the device as PyTorch does; whether it is there is asked before anything is measured."""
        text = str(value).strip().lower()
        return f"cuda:{text}" if text.isdigit() else text


class Variants(ParamType):
    """``eager,onnxruntime``, or ``all``; in the order of the report, eager first."""

    name = "variants"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Parse; a refusal names the known ones."""
        if isinstance(value, tuple):
            return value
        names = [text.strip().lower().replace("-", "_") for text in str(value).split(",")]
        if names == ["all"]:
            return tuple(VARIANTS)
        unknown = [name for name in names if name not in VARIANTS]
        if unknown:
            known = ", ".join(VARIANTS)
            self.fail(f"{unknown[0]!r} is no variant: give some of {known} with commas, or all", param, ctx)
        return ordered(tuple(names))


class BlockName(ParamType):
    """A name of the catalog, or ``package.module:Class``; completed in the shell."""

    name = "name"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The blocks whose name begins so."""
        from surgeon.blocks import catalog

        found = [info for info in catalog.all_blocks() if info.name.startswith(incomplete.lower())]
        return [CompletionItem(info.name, help=info.summary) for info in found]


def edge(text: str, *, between: bool) -> tuple[str, str]:
    """``9->21`` (or the two values of ``--between``, ``9 21``) as producer and consumer.

    Raises:
        click.UsageError: There are not two.
    """
    ends = tuple(end.strip() for end in (text.split(" ") if between else re.split(r"->|→", text)))
    if len(ends) != 2 or not all(ends):
        raise click.UsageError(
            f"{text!r} is no edge: give producer and consumer, --edge '9->20' (in quotes) or --between 9 20"
        )
    return ends[0], ends[1]


def setting(text: str) -> tuple[str, Any]:
    """``heads=8`` as name and value, the value typed as YAML.

    Raises:
        click.UsageError: It is no pair, or the value is no plain data.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key.isidentifier():
        raise click.UsageError(f"--set takes key=value, not {text!r}")
    import yaml

    if _EXPONENT.match(value.strip()):  # a number in YAML 1.2, a text in YAML 1.1, which PyYAML reads
        return key, float(value)
    try:
        typed = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise click.UsageError(f"--set {text}: the value is no YAML ({' '.join(str(error).split())})") from error
    if not _is_plain(typed):
        raise click.UsageError(f"--set {text}: the value is a {type(typed).__name__}; quote it if a text is meant")
    return key, typed


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str)
