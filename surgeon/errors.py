"""The error tree of surgeon: one sentence for the user, one exit code for the shell.

This module imports nothing of surgeon and nothing heavy.

    SurgeonError                 exit code 3 unless a subclass says otherwise
    ├── InputError               exit code 2: what the user gave cannot be used (also a ValueError)
    │   ├── ModelFileError       the file is no model that surgeon can open
    │   │   └── UntrustedFileError   opening it would run code; names the classes and the flag that allows it
    │   ├── SiteError            a site that does not exist
    │   │   └── AmbiguousSiteError   a site that names several rows or modules, without a glob
    │   ├── BlockError           an unknown block, an unknown setting, or a value that cannot work
    │   ├── RecipeError          a recipe file that cannot be read
    │   ├── BudgetError          a budget that cannot be read, or that no model can be held to
    │   ├── PlanError            an edit that the network cannot take
    │   ├── OutputError          the output exists, or cannot be written
    │   └── MeasurementError     what was asked cannot be measured here (for example CUDA without a GPU)
    ├── CheckError               exit code 1: an edit broke a promise, it was undone
    └── MissingDependencyError   exit code 2: an optional package is needed; names the install command
"""

from __future__ import annotations


class SurgeonError(Exception):
    """Base of every error that surgeon raises on purpose.

    Attributes:
        exit_code: What the command line returns for it.
    """

    exit_code = 3


class InputError(SurgeonError, ValueError):
    """What the user gave cannot be used; the message says what would work."""

    exit_code = 2


class ModelFileError(InputError):
    """The file is no model that surgeon can open."""


class UntrustedFileError(ModelFileError):
    """Opening the file would run code that nobody vouched for."""


class SiteError(InputError):
    """A site that does not exist in the network, or that names several rows."""


class AmbiguousSiteError(SiteError):
    """A site that names several rows or modules and is no glob; the message lists them."""


class BlockError(InputError):
    """An unknown block, an unknown setting, or a setting that cannot work at that width."""


class RecipeError(InputError):
    """A recipe that cannot be read."""


class BudgetError(InputError):
    """A budget that cannot be read, or that no model can be held to."""


class PlanError(InputError):
    """An edit that this network cannot take."""


class OutputError(InputError):
    """An output that exists already, or that cannot be written."""


class MeasurementError(InputError):
    """A measurement that this machine cannot make."""


class MissingDependencyError(InputError):
    """An optional package is needed; the message holds the install command."""


class CheckError(SurgeonError):
    """An edit broke one of its promises; nothing was written."""

    exit_code = 1
