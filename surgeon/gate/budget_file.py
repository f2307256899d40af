"""Budgets from a file: the ``[[budget]]`` tables of surgeon.toml, ``[[tool.surgeon.budget]]`` of pyproject.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgeon.errors import BudgetError
from surgeon.gate.budget import Budget
from surgeon.gate.budget_of import KEYS, Given, budget_of
from surgeon.gate.toml_file import OWN, PYPROJECT, read_toml, shown

TABLE = "budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetTable:
    """One ``[[budget]]`` as it was written.

    Attributes:
        given: Values by key.
        name: Its own name, else its number.
        where: ``surgeon.toml, budget 1``.
        folder: What its globs and its baseline are relative to.
    """

    given: Mapping[str, Given]
    name: str
    where: str
    folder: Path

    def budget(self, over: Mapping[str, Given], under: Mapping[str, Given]) -> Budget:
        """The budget, with values that go before its own, and values for what it leaves open.

        Raises:
            BudgetError: It is none.
        """
        return budget_of({**under, **self.given, **over}, name=self.name, where=self.where)


def find_budgets(folder: Path) -> Path | None:
    """The file of budgets of a folder: ``surgeon.toml``, else ``pyproject.toml``; None where neither has any.

    Raises:
        InputError: One of them is no TOML.
    """
    for name in (OWN, PYPROJECT):
        path = folder / name
        if path.is_file() and TABLE in read_toml(path):
            return Path(name) if folder == Path() else path
    return None


def load_budgets(path: Path) -> tuple[BudgetTable, ...]:
    """Every budget of a file.

    Raises:
        BudgetError: There is none, or one is no table, or has a key that no budget has.
        InputError: The file cannot be read or is no TOML.
    """
    tables = read_toml(path).get(TABLE)
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        heading = f"[[{'tool.surgeon.' if path.name == PYPROJECT else ''}{TABLE}]]"
        raise BudgetError(f"{path} holds no budget: a budget is a table that begins with {heading}")
    return tuple(_table(path, number, table) for number, table in enumerate(tables, start=1))


def _table(path: Path, number: int, table: Mapping[str, Any]) -> BudgetTable:
    where = shown(path, f"{TABLE} {number}")
    given: dict[str, Given] = {}
    for written, value in table.items():
        key = written.replace("_", "-")
        if key in given:
            raise BudgetError(f"{where}, {written}: this key is given twice")
        given[key] = Given(value, f"{where}, {written}")
    for key, one in given.items():
        if key not in KEYS:
            budget_of({key: one}, name="", where=where)  # refuses it, with what is known
    name = table.get("name")
    own = name if isinstance(name, str) and name.strip() else f"{TABLE} {number}"
    return BudgetTable(given=given, name=own, where=where, folder=path.parent)
