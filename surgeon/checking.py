"""The gate as the library has it: `surgeon.check`."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surgeon import workflows
from surgeon.api import open_model
from surgeon.gate.budget_of import KEYS, Given, budget_of
from surgeon.gate.budgets import budgets_of
from surgeon.gate.matching import jobs_for
from surgeon.report.progress import showing
from surgeon.shown import ShownCheck, shown

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel


def check(
    *models: Any,
    budget: str | Path | None = None,
    trust: bool = False,
    trust_modules: Sequence[str] = (),
    progress: bool | None = None,
    **limits: Any,
) -> ShownCheck:
    """Hold networks to a budget, as ``surgeon check`` does; a latency is timed against the baseline in pairs.

        assert surgeon.check("best.pt", max_flops="9.2G", max_params=3_500_000).passed

    Args:
        *models: Anything `surgeon.open` takes. Without one, the globs of the budgets find the files.
        budget: A TOML file of budgets. Without it the limits are the whole budget; where there are none either,
            ``surgeon.toml`` or ``pyproject.toml`` here has the budgets.
        trust: Read a ``.pt`` with full unpickling.
        trust_modules: Packages whose classes a ``.pt`` may use.
        progress: Whether to show how far it is on stderr; by default on a terminal and in a notebook.
        **limits: What a budget may say, with underscores: ``max_flops``, ``max_params``, ``max_memory``,
            ``max_latency_ratio`` with a ``baseline``, ``imgsz``, ``convention`` and the other keys of docs/ci.md. They
            go before those of the file.

    Returns:
        The verdicts: ``passed`` for all of them, ``verdicts`` one by one. A broken budget raises nothing.

    Raises:
        BudgetError: There is no budget, or one cannot be kept to: an unknown key, a ratio without a baseline.
        InputError: A file or a model cannot be read.
        MeasurementError: This machine cannot measure what a budget states.
    """
    names = _Names()
    over: dict[str, Given] = {}
    for written, value in limits.items():
        key = written.replace("_", "-")
        over[key] = Given(names.of(value) if key == "baseline" else _plain(value), written)
        if key not in KEYS:
            budget_of({key: over[key]}, name="", where=written)  # refuses it, with what is known
    named = [names.of(model) for model in models]
    held = budgets_of(None if budget is None else fspath(budget), over, {}, "call")
    jobs, idle = jobs_for(named, held)
    with showing(progress):
        found = workflows.check(jobs, trust=trust, trust_modules=trust_modules, opened=names.opened, notes=tuple(idle))
    return shown(ShownCheck, found)


class _Names:
    """What models are called: files by their path, live networks by their own name."""

    def __init__(self) -> None:
        self.opened: dict[str, OpenedModel] = {}

    def of(self, model: Any) -> str:
        """The name of a model; a live one is kept under it."""
        if isinstance(model, str | PathLike):
            return fspath(model)
        live = open_model(model).opened
        name, number = live.name, 1
        while self.opened.setdefault(name, live) is not live:
            number += 1
            name = f"{live.name} ({number})"
        return name


def _plain(value: Any) -> Any:
    """As a file would have it: ``(480, 640)`` is a list there."""
    return list(value) if isinstance(value, tuple) else value
