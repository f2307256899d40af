"""From any result to its document."""

from __future__ import annotations

from surgeon.blocks.catalog.info import BlockInfo
from surgeon.gate.judge import CheckResult
from surgeon.graph.layer import LayerGraph
from surgeon.profiler.deployed.figures import DeployedComparison
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.report.check import check_document
from surgeon.report.comparison_tables import comparison_document
from surgeon.report.deployed import deployed_document
from surgeon.report.diff import ModelDiff, diff_document
from surgeon.report.edit import EditReport, edit_document
from surgeon.report.listing import block_card, tree_table
from surgeon.report.profile_tables import profile_document
from surgeon.report.tables import Document

Reportable = (
    ProfileResult | Comparison | DeployedComparison | EditReport | ModelDiff | CheckResult | LayerGraph | BlockInfo
)


def document_of(result: Reportable, *, all_rows: bool = False, by: str = "rows") -> Document:
    """The document of a result.

    Args:
        result: What to report.
        all_rows: Of a comparison or a diff show every row, not only those that changed.
        by: What a profile lists: ``rows``, ``modules``, ``operators``, or nothing.

    Raises:
        InputError: A comparison whose settings differ.
    """
    match result:
        case ProfileResult():
            document = profile_document(result, by=by)
        case Comparison():
            document = comparison_document(result, all_rows=all_rows)
        case DeployedComparison():
            document = deployed_document(result)
        case EditReport():
            document = edit_document(result, all_rows=all_rows)
        case ModelDiff():
            document = diff_document(result, all_rows=all_rows)
        case CheckResult():
            document = check_document(result)
        case LayerGraph():
            document = tree_table(result)
        case BlockInfo():
            document = block_card(result)
    return document
