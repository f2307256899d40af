"""What no measurement can be made with: numbers of the settings that make no sense. Torch-free.

The command line refuses them where they are typed; this is for settings that were made in Python or read from a file.
"""

from __future__ import annotations

import math

from surgeon.errors import MeasurementError
from surgeon.profiler.settings import ProfileSettings


def require_sensible(settings: ProfileSettings) -> None:
    """Refuse numbers that make no sense.

    Raises:
        MeasurementError: A size, batch or number of threads below 1, no time to measure in, or a precision that is no
            fraction.
    """
    counts = {"the image height": settings.imgsz[0], "the image width": settings.imgsz[1]}
    counts |= {"batch": settings.batch, "threads": settings.threads, "min_runs": settings.min_runs}
    for name, value in counts.items():
        if not _is_whole(value) or value < 1:
            raise MeasurementError(f"{name} is {value!r}; it must be a whole number of 1 or more")
    budget = settings.time_budget_s
    if budget is not None and not (_is_number(budget) and 0 < budget < math.inf):
        raise MeasurementError(
            f"time_budget_s is {budget!r}; it must be a positive number of seconds, or None for the default"
        )
    if not (_is_number(settings.precision) and 0 < settings.precision < 1):
        raise MeasurementError(
            f"precision is {settings.precision!r}; it must be a fraction between 0 and 1 (0.005 is 0.5 %)"
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
