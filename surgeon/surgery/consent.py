"""Whether the user vouched for the code that a recipe names.

A module on the command line or in a call is consent, a file is not.
"""

from __future__ import annotations

from collections.abc import Sequence

from surgeon.errors import UntrustedFileError
from surgeon.surgery.recipe import Recipe, Remove


def require_consent(recipe: Recipe, origin: str, trust_modules: Sequence[str]) -> None:
    """Refuse a recipe that would import code of a package that was not named.

    Raises:
        UntrustedFileError: With the class and the flag that allows it.
    """
    for edit in recipe.edits:
        if isinstance(edit, Remove) or ":" not in edit.module:
            continue
        module = edit.module.partition(":")[0]
        if not any(module == package or module.startswith(f"{package}.") for package in trust_modules):
            package = module.partition(".")[0]
            raise UntrustedFileError(
                f"{origin} plants {edit.module}, which would import that code: if you trust the package {package!r}, "
                f"pass --trust-module {package}"
            )
