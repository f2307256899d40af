"""Which block an edit means at a place: its settings at that width, and whether it can change width or resolution.

Of the catalog's blocks everything is known unbuilt; of a user's own class nothing is: there the checks of the edit
decide. Torch-free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from surgeon.blocks import catalog
from surgeon.blocks.catalog import BlockInfo
from surgeon.blocks.naming import display_name, is_foreign
from surgeon.errors import BlockError
from surgeon.graph import NewBlock
from surgeon.graph.convolution import Convolution
from surgeon.surgery.recipe import Insert, Replace

RESAMPLING = ("upsampling", "convolution")
"""Kinds of the catalog that may stand in for a row that changes the resolution."""
ADAPTER = "conv1x1"


class Refused(Exception):
    """Why a place cannot take an edit, as the first half of a sentence.

    Attributes:
        nearest: Whether the sites that can take it belong behind it.
    """

    def __init__(self, reason: str, *, nearest: bool = True) -> None:
        super().__init__(reason)
        self.nearest = nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """What a block stands in for.

    Attributes:
        ratio: Height of the input over that of the output: 1 where the resolution stays.
        convolution: What it is as a convolution; None where it is none, or nothing is replaced.
    """

    ratio: Fraction = Fraction(1)
    convolution: Convolution | None = None


def new_block(
    edit: Insert | Replace, c1: int | tuple[int, ...], c2: int, *, start: str, former: Former | None = None
) -> tuple[NewBlock, tuple[str, ...]]:
    """The block of an edit with the settings that fit, and what was adapted to make them fit.

    Args:
        edit: Names the block and its explicit settings.
        c1: Width of the input; of each input, where there are several.
        c2: Width of the output.
        start: ``identity`` or ``paper``.
        former: What it stands in for; None for an insertion.

    Raises:
        BlockError: There is no such block, or the settings do not fit.
        Refused: The block cannot change the resolution like this, or reads another number of feature maps.
    """
    module, settings, former = edit.module, edit.settings, former or Former()
    notes: tuple[str, ...] = ()
    if not is_foreign(module):
        info = catalog.get(module)
        if info.takes_list != isinstance(c1, tuple):
            what = "a list of feature maps" if info.takes_list else "one feature map"
            raise Refused(f"{info.title} reads {what}, here {'is one' if isinstance(c1, int) else f'are {len(c1)}'}")
        if isinstance(edit, Insert) and info.kind == "upsampling":
            instead = f"surgeon replace --module {info.name} --at SITE puts it in the place of an upsampling row"
            raise Refused(f"{info.title} enlarges the map, and an insertion keeps its size; {instead}", nearest=False)
        given, taken = _like(info, c1, c2, _resampling(info, settings, former.ratio), former.convolution)
        resolved = info.resolve(c1, c2, given)  # type: ignore[arg-type]  # a list's block
        where = f"{c1} channels" if isinstance(c1, int) else f"{'+'.join(map(str, c1))} channels"
        notes = (*taken, *(f"{info.title} at {where}: {note}" for note in resolved.notes))
        module, settings = info.name, dict(resolved.settings)
    return NewBlock(module=module, in_channels=c1, out_channels=c2, settings=settings, start=start), notes


def adapter(c1: int, c2: int) -> NewBlock:
    """The 1x1 convolution that turns one width into another."""
    return NewBlock(module=ADAPTER, in_channels=c1, out_channels=c2, start="paper", adapter=True)


def describe(block: NewBlock) -> str:
    """A block in a few words: ``GAM``, ``conv1x1 adapter 128 -> 256``."""
    name = display_name(block.module)
    return f"{name} adapter {block.in_channels} -> {block.out_channels}" if block.adapter else name


def may_resample(module: str) -> bool:
    """Whether a block may stand in for a row that changes the resolution; the shape check has the last word."""
    return is_foreign(module) or catalog.get(module).kind in RESAMPLING


def changes_channels(module: str) -> bool:
    """Whether a block turns one width into another by itself; with an adapter at hand a user's class is not asked to.

    Nothing is known of a user's class before it is imported, which planning does not do.
    """
    return not is_foreign(module) and catalog.get(module).changes_channels


def _resampling(info: BlockInfo, settings: Mapping[str, Any], ratio: Fraction) -> dict[str, Any]:
    """The settings with the ``stride``, or of an upsampling block the ``scale``, that gives the resolution wanted."""
    name = "scale" if info.kind == "upsampling" else "stride"
    if name not in info.defaults:
        if ratio != 1:
            raise Refused(f"{info.title} has no {name} that does the same")
        return dict(settings)
    wanted = 1 / ratio if info.kind == "upsampling" and ratio else ratio
    if wanted < 1 or wanted.denominator != 1 or (info.kind == "upsampling" and wanted == 1):
        here = "keeps its size" if ratio == 1 else "shrinks it" if ratio > 1 else "enlarges it"
        can = "enlarges" if info.kind == "upsampling" else "keeps or shrinks"
        raise Refused(f"{info.title} {can} the map (by a whole number), and this place {here}")
    given = {name: int(wanted), **settings}
    if given[name] != wanted:
        set_to = f"{name} {given[name]} is set; leave {name} out"
        raise Refused(f"{info.title} needs {name} {int(wanted)} here, and {set_to}")
    return given


def _like(
    info: BlockInfo, c1: int | tuple[int, ...], c2: int, given: Mapping[str, Any], former: Convolution | None
) -> tuple[dict[str, Any], list[str]]:
    """The settings with those of the replaced convolution that the block goes by, and notes that say so."""
    settings, taken, notes = dict(given), [], []
    for key in info.like_convolution if former is not None else ():
        value, default = getattr(former, key), info.defaults[key]
        if key in given or value == default:
            continue
        try:
            info.resolve(c1, c2, {**settings, key: value})  # type: ignore[arg-type]  # a list's block
        except BlockError:
            notes.append(f"{info.title}: {key} stays {default}; that of the replaced convolution, {value}, cannot be.")
        else:
            settings[key] = value
            taken.append(f"{key} {value} (default {default})")
    if taken:
        notes.insert(0, f"{info.title}: {' and '.join(taken)} as in the convolution that it replaces.")
    return settings, notes
