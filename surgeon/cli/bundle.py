"""Options that several commands share arrive in the command as one frozen object."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import Any

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]


def together(name: str, kind: type[Any], *options: Decorator) -> Decorator:
    """A decorator that adds options and hands them over as one object."""
    names = [field.name for field in fields(kind)]

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def wrapper(**values: Any) -> Any:
            values[name] = kind(**{field: values.pop(field) for field in names})
            return function(**values)

        decorated: Function = wrapper
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate
