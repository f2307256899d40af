"""A baseline that is a saved result: good for exact figures, under the settings that it was measured with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from surgeon.errors import BudgetError, InputError
from surgeon.gate.budget import Budget
from surgeon.profiler.results import ProfileResult
from surgeon.profiler.saved import from_json

_MAX_BYTES = 256_000_000


def saved_baseline(path: str, budget: Budget) -> ProfileResult:
    """The result that a budget's exact figures are compared with.

    Args:
        path: What ``surgeon profile --json`` wrote, of one size or of several.
        budget: Its settings choose among several.

    Raises:
        BudgetError: It cannot be read, is no profile, or was measured under other settings.
    """
    document = _document(Path(path), budget)
    kind = document.get("kind") if isinstance(document, dict) else None
    several = document.get("results") if kind == "results" else [document]
    results = [_result(one, path, budget) for one in several] if isinstance(several, list) else []
    if not results or not all(isinstance(result, ProfileResult) for result in results):
        raise BudgetError(
            f"{budget.where}: the baseline {path} is a saved {kind or 'something else'}, not a profile: save one with "
            "surgeon profile MODEL --json FILE"
        )
    profiles = [result for result in results if isinstance(result, ProfileResult)]
    for result in profiles:
        if not differences(result, budget):
            return result
    named = ", ".join(differences(profiles[0], budget))
    raise BudgetError(
        f"{budget.where}: the baseline {path} was measured with another {named} than the budget states; measure it "
        "again, or change the budget"
    )


def differences(result: ProfileResult, budget: Budget) -> tuple[str, ...]:
    """The settings that exact figures depend on, and that are others than the budget's."""
    wanted, had = budget.settings(), result.settings
    names = ["imgsz", "batch"]
    if any(limit.relative and limit.quantity == "memory" for limit in budget.limits):
        names += ["dtype", "device"]
    return tuple(name for name in names if getattr(wanted, name) != getattr(had, name))


def _document(path: Path, budget: Budget) -> Any:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BudgetError(f"{budget.where}: the baseline {path} is larger than {_MAX_BYTES} bytes: no saved result")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BudgetError(f"{budget.where}: there is no baseline {path}") from error
    except OSError as error:
        raise BudgetError(f"{budget.where}: the baseline {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise BudgetError(f"{budget.where}: the baseline {path} is no saved result: it is not JSON") from error


def _result(document: Any, path: str, budget: Budget) -> Any:
    try:
        return from_json(json.dumps(document))
    except InputError as error:
        raise BudgetError(f"{budget.where}: the baseline {path}: {error}") from error
