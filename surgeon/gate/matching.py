"""Which model is held to which budget.

A glob without a slash is compared with a model's file name; one with a slash with its path from the budget's folder,
``**`` for any number of folders. Nothing is left out in silence: a model without a budget is refused, and so is a glob
that finds no file where no models were given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from surgeon.errors import BudgetError
from surgeon.gate.budget import Budget

_SIGNS = "*?["


@dataclass(frozen=True, slots=True)
class Job:
    """One model under one budget."""

    model: str
    budget: Budget


def jobs_for(models: Sequence[str], budgets: Sequence[tuple[Budget, Path]]) -> tuple[list[Job], list[str]]:
    """Hold models to budgets.

    Args:
        models: As the user named them; where there are none, the budgets' globs find them.
        budgets: Each with the folder that its globs and its baseline are relative to.

    Returns:
        What is to be checked, by budget, and a sentence for every budget that none of the given models is under.

    Raises:
        BudgetError: A model has no budget, or a budget no model.
    """
    found: list[Job] = []
    idle: list[str] = []
    for written, folder in budgets:
        budget = _with_baseline(written, folder)
        own = [m for m in models if _is_under(m, budget, folder)] if models else _files(budget, folder)
        found += [Job(model, budget) for model in own]
        if not own:
            idle.append(f"{budget.where} ({' '.join(budget.globs)}) is for none of the models given.")
    missing = [model for model in models if model not in {job.model for job in found}]
    if missing:
        globs = ", ".join(glob for budget, _ in budgets for glob in budget.globs)
        raise BudgetError(
            f"{missing[0]} is under no budget (globs: {globs}): add a glob that matches it, or give limits as options, "
            "--max-flops 9.2G"
        )
    return found, idle


def _is_under(model: str, budget: Budget, folder: Path) -> bool:
    return not budget.globs or any(_matches(model, glob, folder) for glob in budget.globs)


def _matches(model: str, glob: str, folder: Path) -> bool:
    if "/" not in glob:
        return fnmatchcase(Path(model).name, glob)
    return model == glob or Path(model).resolve() in {path.resolve() for path in _glob(glob, folder)}


def _files(budget: Budget, folder: Path) -> list[str]:
    """The models that a budget's globs find; a name without signs may be one that ships with Ultralytics."""
    if not budget.globs:
        raise BudgetError(f"{budget.where} is for every model: name the models, or give it a glob")
    found: dict[str, None] = {}
    for glob in budget.globs:
        if not any(sign in glob for sign in _SIGNS):
            path = folder / glob
            is_name = "/" not in glob and path.suffix in (".yaml", ".yml")
            if not path.is_file() and not is_name:
                raise BudgetError(f"{budget.where}, glob: there is no file {path}")
            found[str(path) if path.is_file() else glob] = None
            continue
        paths = sorted(path for path in _glob(glob, folder) if path.is_file())
        if not paths:
            raise BudgetError(f"{budget.where}, glob: {glob!r} matches no file in {folder.resolve()}")
        found.update(dict.fromkeys(str(path) for path in paths))
    return list(found)


def _glob(glob: str, folder: Path) -> list[Path]:
    """The files that a glob finds.

    Raises:
        BudgetError: It is none that can be searched for.
    """
    pattern = Path(glob)
    start = Path(pattern.anchor) if pattern.is_absolute() else folder
    relative = str(pattern.relative_to(pattern.anchor)) if pattern.is_absolute() else glob
    try:
        return list(start.glob(relative))
    except (ValueError, NotImplementedError) as error:
        raise BudgetError(f"{glob!r} is no glob: {error}") from error


def _with_baseline(budget: Budget, folder: Path) -> Budget:
    """The budget with its baseline found from its own folder; a shipped name stays as it is."""
    if budget.baseline is None or not (folder / budget.baseline).is_file():
        return budget
    return replace(budget, baseline=str(folder / budget.baseline))
