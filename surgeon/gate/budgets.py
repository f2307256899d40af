"""Which budgets hold: those of a file, or the one that somebody states; what goes before what.

A stated limit takes the place of the same limit in the file. What the environment or a ``[check]`` table says goes
before defaults only: a budget's own value is the more particular one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from surgeon.errors import BudgetError
from surgeon.gate.budget import Budget, limit_keys
from surgeon.gate.budget_file import find_budgets, load_budgets
from surgeon.gate.budget_of import Given, budget_of


def budgets_of(
    path: str | None, over: Mapping[str, Given], under: Mapping[str, Given], stated: str = "command line"
) -> list[tuple[Budget, Path]]:
    """The budgets of a file, or the one that is stated.

    Args:
        path: The file as it was named, None to look for one.
        over: Values that go before those of the file.
        under: Values for what the file leaves open.
        stated: Where those are from that go before the file's, for reports.

    Returns:
        Each budget with the folder that its globs and its baseline are relative to.

    Raises:
        BudgetError: There is no budget, or one is none.
        InputError: A file is no TOML.
    """
    file = find_budgets(Path()) if path is None else Path(path)
    limits = any(key in over for key in limit_keys())
    if file is None and not limits and not any(key in under for key in limit_keys()):
        raise BudgetError(
            "there is no budget: give a limit such as --max-flops 9.2G, a --budget FILE, or put a [[budget]] into "
            "surgeon.toml"
        )
    if file is None or (path is None and limits):
        return [(budget_of({**under, **over}, name=stated, where=f"the {stated}"), Path())]
    tables = load_budgets(file)
    with_ratio = [any(key.endswith("-ratio") for key in {**table.given, **over}) for table in tables]
    if "baseline" in over and not any(with_ratio):
        raise BudgetError(
            f"{over['baseline'].where}: no limit of {file} refers to a baseline; add one such as max-flops-ratio"
        )
    without = {key: value for key, value in over.items() if key != "baseline"}
    return [
        (table.budget(over if ratio else without, under), table.folder)
        for table, ratio in zip(tables, with_ratio, strict=True)
    ]
