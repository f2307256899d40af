"""What a shell is offered behind MODEL and behind a site: names from descriptions, read without torch.

Never slow: a model whose rows no description lists is offered nothing for.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from surgeon.cli.command import arguments_given

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # generic from click 8.2 on

VARIABLE = "_SURGEON_COMPLETE"
DEFAULT_MODEL = "yolov8n.yaml"
PATIENCE_S = 3


def end_soon() -> None:
    """Let this process be ended if a file keeps it busy: a shell that waits for a completion is stuck."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)


class ModelName(ParamType):
    """A file, or the name of a description that ships with Ultralytics."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Files, and the shipped names that begin so."""
        from surgeon.models.ultralytics.outline import model_names

        names = model_names() if incomplete and "/" not in incomplete else []
        items = [CompletionItem(name, help="ships with Ultralytics") for name in names if name.startswith(incomplete)]
        return [*items, CompletionItem(incomplete, type="file")]


class SiteName(ParamType):
    """A row of the command's model, as users name it."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The rows by section, by kind, and by number where a number was begun."""
        found = (item for item in _sites(_model(ctx)) if item.value.lower().startswith(incomplete.lower()))
        return [item for item in found if incomplete or not item.value.isdigit()]


class KindName(ParamType):
    """A kind of row of the command's model."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Each kind once."""
        from surgeon.models.ultralytics.outline import outline

        kinds = dict.fromkeys(row.kind for row in outline(_model(ctx)))
        return [CompletionItem(kind) for kind in kinds if kind.lower().startswith(incomplete.lower())]


def _model(ctx: click.Context) -> str:
    return next(iter(arguments_given(ctx)), DEFAULT_MODEL)


def _sites(model: str) -> Iterator[CompletionItem]:
    """Every address: ``backbone.9``, ``SPPF``, ``C2f[2]``, ``9``, each with what it is."""
    from surgeon.models.ultralytics.outline import outline

    rows = outline(model)
    for row in rows:
        yield CompletionItem(row.site, help=row.kind)
    times = Counter(row.kind for row in rows)
    seen: Counter[str] = Counter()
    for row in rows:
        name = row.kind if times[row.kind] == 1 else f"{row.kind}[{seen[row.kind]}]"
        seen[row.kind] += 1
        yield CompletionItem(name, help=row.site)
    for row in rows:
        yield CompletionItem(str(row.index), help=row.kind)
