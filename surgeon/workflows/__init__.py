"""The whole story, one function a verb. The only room that knows all others.

open → tree · edit (plan → apply → checks) → save · profile · compare · check · undo · recipe · diff
"""

from surgeon.workflows.checking import require_level
from surgeon.workflows.deploying import compare_deployed
from surgeon.workflows.differing import diff
from surgeon.workflows.editing import SurgeryResult, modules, open_model, tree
from surgeon.workflows.gating import check
from surgeon.workflows.history import UndoResult, history, recipes, save_undone, undo
from surgeon.workflows.logging import log_to_ultralytics
from surgeon.workflows.measuring import compare, compare_edit, profile, require_room
from surgeon.workflows.reporting import report_of
from surgeon.workflows.saving import check_output, require_output, save
from surgeon.workflows.succession import edit, plan
from surgeon.workflows.tensorboard import require_tensorboard, to_tensorboard
from surgeon.workflows.tracing import trace

__all__ = [
    "SurgeryResult",
    "UndoResult",
    "check",
    "check_output",
    "compare",
    "compare_deployed",
    "compare_edit",
    "diff",
    "edit",
    "history",
    "log_to_ultralytics",
    "modules",
    "open_model",
    "plan",
    "profile",
    "recipes",
    "report_of",
    "require_level",
    "require_output",
    "require_room",
    "require_tensorboard",
    "save",
    "save_undone",
    "to_tensorboard",
    "trace",
    "tree",
    "undo",
]
