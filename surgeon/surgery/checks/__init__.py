"""The promises of an edit, verified on the live networks before anything is written.

Each check is one function and one line of the report. A check that only asks "is the output unchanged?" also passes a
block that nothing reads, so liveness and gradients are asked with the gate open.

``fast`` runs after every edit, at small sizes, in this process; ``full`` adds what takes seconds: other sizes, training
mode, fusion, ONNX, a fresh process.
"""

from surgeon.surgery.checks.outcome import Check
from surgeon.surgery.checks.passes import Passes
from surgeon.surgery.checks.sequence import check_edit, check_fully
from surgeon.surgery.checks.tensors import Tensors, map_tensors

__all__ = ["Check", "Passes", "Tensors", "check_edit", "check_fully", "map_tensors"]
