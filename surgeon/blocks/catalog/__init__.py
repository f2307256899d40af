"""What blocks there are, as data: importing this loads neither torch nor any block."""

from __future__ import annotations

from surgeon.blocks.catalog import (
    acmix,
    aifi,
    bam,
    bra,
    caa,
    carafe,
    cbam,
    contextaggregation,
    conv1x1,
    coordatt,
    cot,
    cpca,
    dattention,
    doubleattention,
    drconv,
    dwr,
    eca,
    ema,
    fla,
    gam,
    gc,
    ge,
    hat,
    irmb,
    lct,
    lsk,
    lska,
    mbconv,
    mhsa,
    mlca,
    msca,
    msda,
    nam,
    orepa,
    parnet,
    polarized,
    s2,
    se,
    sea,
    senetv2,
    sge,
    shuffleattention,
    simam,
    simsppf,
    sk,
    tripletattention,
)
from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import unknown
from surgeon.errors import BlockError

__all__ = ["BlockCost", "BlockInfo", "Resolved", "all_blocks", "get", "names", "unknown"]

_BLOCKS: tuple[BlockInfo, ...] = (
    mhsa.INFO,
    gam.INFO,
    fla.INFO,
    lska.INFO,
    acmix.INFO,
    conv1x1.INFO,
    mlca.INFO,
    msca.INFO,
    se.INFO,
    lsk.INFO,
    caa.INFO,
    cpca.INFO,
    eca.INFO,
    simam.INFO,
    cbam.INFO,
    coordatt.INFO,
    simsppf.INFO,
    simsppf.CSP,
    carafe.INFO,
    ema.INFO,
    contextaggregation.INFO,
    polarized.INFO,
    shuffleattention.INFO,
    nam.INFO,
    tripletattention.INFO,
    doubleattention.INFO,
    msda.INFO,
    sea.INFO,
    cot.INFO,
    aifi.INFO,
    orepa.INFO,
    orepa.POINT,
    senetv2.INFO,
    mbconv.INFO,
    mbconv.HEAD,
    dwr.DWR,
    dwr.SIR,
    s2.INFO,
    bam.INFO,
    sge.INFO,
    lct.INFO,
    gc.INFO,
    parnet.INFO,
    sk.INFO,
    drconv.INFO,
    irmb.INFO,
    ge.INFO,
    hat.INFO,
    hat.OCAB,
    hat.CAB,
    bra.INFO,
    dattention.INFO,
)


def all_blocks() -> tuple[BlockInfo, ...]:
    """Every block of the catalog, in the order in which lists show them."""
    return _BLOCKS


def names() -> tuple[str, ...]:
    """The names that users type, without aliases."""
    return tuple(info.name for info in _BLOCKS)


def get(name: str) -> BlockInfo:
    """Look a block up by name or alias; case, ``-`` and ``_`` do not matter.

    Raises:
        BlockError: There is no such block; the message lists the nearest names.
    """
    table = {_plain(known): info for info in _BLOCKS for known in (info.name, *info.aliases)}
    found = table.get(_plain(name))
    if found is None:
        raise BlockError(unknown("There is no block", name, names(), "surgeon blocks"))
    return found


def _plain(name: str) -> str:
    """Spell a name without case and separators."""
    return name.strip().lower().replace("-", "").replace("_", "")
