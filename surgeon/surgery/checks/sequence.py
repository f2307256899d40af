"""The order of the checks; the first that fails ends them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from surgeon.errors import CheckError
from surgeon.graph.network import Network
from surgeon.surgery.checks.opening import check_opening
from surgeon.surgery.checks.outcome import Check
from surgeon.surgery.checks.outputs import check_calls, check_outputs
from surgeon.surgery.checks.passes import Passes
from surgeon.surgery.checks.rebuild import check_rebuild
from surgeon.surgery.checks.tensors import check_tensors, map_tensors
from surgeon.surgery.plan import SurgeryPlan


def check_edit(before: Network, after: Network, plan: SurgeryPlan) -> tuple[Check, ...]:
    """Verify every promise of an edit.

    Raises:
        CheckError: One does not hold; the message names it.
    """
    passes = Passes(before, after, plan)
    return _require(
        # Generators: each check begins when the ones before it have passed.
        itertools.chain(
            check_tensors(before, after, map_tensors(before, after, plan)),
            check_outputs(passes),
            check_calls(passes),
            check_rebuild(passes),
            check_opening(passes),
        )
    )


def _require(results: Iterable[Check]) -> tuple[Check, ...]:
    checks = []
    for result in results:
        if not result.passed:
            raise CheckError(f"the edit was undone, its check {result.name!r} failed: {result.detail}")
        checks.append(result)
    return tuple(checks)
