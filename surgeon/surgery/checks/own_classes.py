"""Whether users' own classes do what they cost: asked of each planted one alone, with its gate out of the way."""

from __future__ import annotations

from collections.abc import Iterator

from surgeon.blocks.naming import is_foreign
from surgeon.surgery.checks.futile import Answer, futile_work, half_precision
from surgeon.surgery.checks.outcome import Check
from surgeon.surgery.checks.passes import Passes


def check_own_classes(passes: Passes, *, force: bool) -> Iterator[Check]:
    """The check ``class`` of each class of the user's own; the catalog's are tested against their authors'.

    Args:
        passes: Both networks.
        force: Plant a class all the same, and say what it does for nothing.
    """
    asked: set[str] = set()
    for path in passes.plan.planted.values():
        planted = passes.after.module.get_submodule(path)
        name, channels = str(planted.block_name), planted.in_channels
        if not is_foreign(name) or not isinstance(channels, int) or name in asked:
            continue
        asked.add(name)
        block = planted.get_submodule("block")
        idle = futile_work(block, channels)
        if idle.untold:
            yield Check(name="class", passed=True, ran=False, detail=f"{name}: {idle.untold}")
            continue
        narrow = Answer() if idle.found else half_precision(block, channels)
        sentences = (*idle.found, *narrow.found)
        rests = any("stays at" in sentence for sentence in narrow.found)
        if idle.found or rests:
            way_out = "planted all the same (--force)" if force else "--force plants it all the same"
            yield Check(name="class", passed=force, detail=f"{name}: {'; '.join(sentences)}; {way_out}")
        else:
            sound = "every weight changes its output, every gate responds to the image"
            said = (*(sentences or (sound,)), narrow.untold)
            yield Check(name="class", passed=True, detail=f"{name}: {'; '.join(filter(None, said))}")
