"""What is to be reported, whichever format it takes: results, and how much of them is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from surgeon.errors import InputError
from surgeon.gate.judge import CheckResult
from surgeon.graph.layer import LayerGraph
from surgeon.profiler.deployed.figures import DeployedComparison
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.report.choosing import Choice, chosen
from surgeon.report.comparison import candidate_labels
from surgeon.report.diff import ModelDiff
from surgeon.report.documents import Reportable, document_of
from surgeon.report.edit import EditReport
from surgeon.report.sweep import sweep_document
from surgeon.report.tables import Document

_KINDS: tuple[tuple[type, str], ...] = (
    (ProfileResult, "profile"),
    (Comparison, "comparison"),
    (DeployedComparison, "deployed"),
    (EditReport, "edit"),
    (ModelDiff, "diff"),
    (CheckResult, "check"),
    (LayerGraph, "tree"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Results and how they are shown; every renderer of ``formats/`` takes one.

    Attributes:
        results: At least one. Several profiles are one network at several settings.
        all_rows: Of comparisons and diffs show every row, not only those that changed.
        by: What the long table of a profile lists: ``rows``, ``modules``, ``operators``, or nothing.
        choice: Which candidates of comparisons are shown, and in which order; a saved result keeps all.
        scores: mAP by display name, in per cent, for the column of a paper's table; nothing is measured for it.
    """

    results: tuple[Reportable, ...]
    all_rows: bool = False
    by: str = "rows"
    choice: Choice = field(default_factory=Choice)
    scores: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def shown(self) -> tuple[Reportable, ...]:
        """The results with the candidates that are shown."""
        return tuple(chosen(one, self.choice) if isinstance(one, Comparison) else one for one in self.results)

    @property
    def documents(self) -> tuple[Document, ...]:
        """What is printed, a document a result; several profiles are one table.

        Raises:
            InputError: A comparison whose settings differ.
        """
        profiles = tuple(result for result in self.results if isinstance(result, ProfileResult))
        if len(profiles) == len(self.results) > 1:
            return (sweep_document(profiles),)
        return tuple(document_of(result, all_rows=self.all_rows, by=self.by) for result in self.shown)

    @property
    def networks(self) -> tuple[ProfileResult | Comparison, ...]:
        """The profiles and comparisons among the results; those inside edits too."""
        found = (one.comparison if isinstance(one, EditReport) else one for one in self.shown)
        return tuple(one for one in found if isinstance(one, ProfileResult | Comparison))

    @property
    def labels(self) -> frozenset[str]:
        """The names under which networks are listed."""
        named = (
            (one.name,) if isinstance(one, ProfileResult) else candidate_labels(one.results) for one in self.networks
        )
        return frozenset(label for labels in named for label in labels)

    def require_scores(self, option: str) -> None:
        """Refuse scores that cannot be shown.

        Args:
            option: What gave them, for the message.

        Raises:
            InputError: One is of a network that there is not, or no percentage.
        """
        for name, score in self.scores.items():
            if not 0 <= score <= 100:
                raise InputError(
                    f"{option} {name}={score:g}: give a network and its mAP in per cent, such as yolov8n=37.3"
                )
            if name not in self.labels:
                listed = ", ".join(sorted(self.labels))
                raise InputError(f"{option} {name}={score:g}: no network is called {name}; there are {listed}")

    @property
    def drawn(self) -> tuple[ProfileResult | Comparison, ...]:
        """The networks without those that are there already at another size: what has one drawing."""
        first: dict[object, ProfileResult | Comparison] = {}
        for one in self.networks:
            results = (one,) if isinstance(one, ProfileResult) else one.results
            first.setdefault(tuple((result.name, result.source, result.params) for result in results), one)
        return tuple(first.values())


def kind_of(result: Reportable) -> str:
    """``profile``, ``comparison``, ``deployed``, ``edit``, ``diff``, ``check``, ``tree`` or ``block``."""
    return next((name for kind, name in _KINDS if isinstance(result, kind)), "block")
