"""The page of one block, in Markdown. It computes nothing but what the catalog's own functions say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docs.gallery.sample import notes_at, widths
from docs.gallery.widths import IMAGE, FeatureMap
from surgeon.blocks.catalog import BlockInfo

GENERATED = "<!-- Written by `python -m docs.gallery`. Edit the catalog (surgeon/blocks/catalog), not this page. -->"
#: What a cost counts where a block is no map-to-map block of equal widths.
COST_OF = {
    "upsampling": "Costs are those of the map that goes in.",
    "convolution": "Costs are those of C channels in and C out at stride 1.",
    "pooling": "Costs are those of C channels in and C out.",
    "head": "Costs are those of one MBConv of C channels in and out; a branch has two of them at each level.",
}


def page(info: BlockInfo, maps: Sequence[FeatureMap]) -> str:
    """The page of a block.

    Args:
        info: What the catalog knows.
        maps: The feature maps at which costs are given.
    """
    width = widths(info)[0]
    adapted = " ".join(notes_at(info, width))
    family = info.factory.partition(":")[0].rpartition(".")[2]
    parts = [
        GENERATED,
        f"# {info.title}",
        info.summary,
        _facts(info),
        "## Formula",
        formula(info),
        "Symbols are explained in [the index](../blocks.md#symbols).",
        "## Graph",
        f"![Graph of {info.title}]({info.name}.svg)",
        f"Recorded from the block's plain form, [`benchmarks/plain/{family}.py`](../../benchmarks/plain/{family}.py), "
        f"with the block's own layers and default settings at C = {width}: the formula as published. What runs "
        f"instead ([`surgeon/blocks/{family}.py`](../../surgeon/blocks/{family}.py)) puts out the same numbers, by "
        f"fewer or cheaper operations where there are such. {_escaped(adapted)}".rstrip(),
        "## Costs",
        _costs(info, maps),
        "## Settings",
        _settings(info),
        "## Where code, paper and the common paste differ",
        _escaped(info.differences),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def formula(info: BlockInfo) -> str:
    """The formula as a block of mathematics, in the spelling that needs no escapes."""
    lines = " \\\\\n".join(info.formula)
    return f"```math\n\\begin{{aligned}}\n{lines}\n\\end{{aligned}}\n```"


def paper(info: BlockInfo) -> str:
    """The paper, linked where it is on arXiv."""
    found = re.search(r"arXiv (\d{4}\.\d{4,5})", info.paper)
    title = _escaped(info.paper)
    return f"[{title}](https://arxiv.org/abs/{found[1]})" if found else title


def _facts(info: BlockInfo) -> str:
    names = ", ".join(f"`{name}`" for name in (info.name, *info.aliases))
    year = "" if f"({info.year})" in info.paper or info.paper.endswith(str(info.year)) else f" ({info.year})"
    return "\n".join(
        (
            "| | |",
            "|---|---|",
            f"| names | {names} |",
            f"| kind | {info.kind} |",
            f"| paper | {paper(info)}{year} |",
            f"| definition followed | <{info.source}> |",
            f"| shape | {_shape(info)} |",
            f"| constraints | {_escaped(info.constraints) or 'none'} |",
        )
    )


def _shape(info: BlockInfo) -> str:
    if info.keeps_shape:
        return "the output has the input's"
    changes = ["channels"] * info.changes_channels + [key for key in ("stride", "scale") if key in info.defaults]
    return "may change: " + ", ".join(changes)


def _costs(info: BlockInfo, maps: Sequence[FeatureMap]) -> str:
    head = ["map", "C", "read by the head of", "parameters", "MACs"]
    rows, notes, beside, less = [], [], "", False
    for one in maps:
        resolved = info.resolve(one.channels, one.channels, {})
        cost = info.cost(one.channels, one.channels, one.height, one.width, resolved.settings)
        cells = [f"{one.level}, {one.height}×{one.width}", str(one.channels), one.networks]
        cells += [f"{cost.params:,}", _millions(cost.macs)]
        if cost.elementwise_macs:
            beside = " and ".join(cost.elementwise_macs)
            cells.append(_millions(sum(cost.elementwise_macs.values())))
        if cost.executed is not None:
            less = True
            cells.append(_millions(cost.executed))
        rows.append(cells)
        notes += [note for note in resolved.notes if note not in notes]
    head += [f"{beside} (no matrix product)"] * bool(beside) + ["MACs that ours runs"] * less
    table = [head, ["---"] * 3 + ["---:"] * (len(head) - 3), *rows]
    text = "\n".join("| " + " | ".join(cells) + " |" for cells in table)
    intro = (
        f"At default settings, batch 1, an image of {IMAGE}×{IMAGE}. MACs are those of the definition's convolutions, "
        "linear layers and matrix products. "
    )
    adapted = "\n".join(f"- {_escaped(note)}" for note in notes)
    after = f"Defaults adapted to a width:\n\n{adapted}" if notes else ""
    return "\n\n".join(filter(None, (intro + COST_OF.get(info.kind, ""), text, after))).replace(" \n", "\n")


def _millions(count: int) -> str:
    """MACs in millions, four digits of them."""
    value = count / 1e6
    if not count:
        return "0"
    if value >= 1000:
        return f"{value:,.0f} M"
    return f"{value:.4g} M" if value >= 0.001 else f"{count:,}"


def _settings(info: BlockInfo) -> str:
    if not info.defaults:
        return "It has none."
    rows = [
        f"| `{name}` | {_escaped(_literal(value))} | {_escaped(info.options.get(name, ''))} |"
        for name, value in info.defaults.items()
    ]
    return "\n".join(("| setting | default | meaning |", "|---|---|---|", *rows))


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(text: str) -> str:
    """Text in which nothing is taken for Markdown: ``*``, ``_``, ``|`` and ``<`` stand for themselves."""
    return re.sub(r"([*_|<`~])", r"\\\1", text)
