"""The whole story, one function a verb. The only room that knows all others.

open → tree · edit (plan → apply → checks) → save · profile · compare
"""

from surgeon.workflows.editing import SurgeryResult, check_output, edit, modules, open_model, plan, save, tree
from surgeon.workflows.measuring import compare, compare_edit, profile

__all__ = [
    "SurgeryResult",
    "check_output",
    "compare",
    "compare_edit",
    "edit",
    "modules",
    "open_model",
    "plan",
    "profile",
    "save",
    "tree",
]
