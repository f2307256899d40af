"""How to train what an edit wrote: freeze lists and commands, checked against the rules of Ultralytics' trainer."""

from __future__ import annotations

from pathlib import Path

from surgeon.surgery.training import FreezeList, Training, all_but_blocks, backbone_rows, frozen_rows, row_moves
from surgeon.workflows.editing import SurgeryResult

_FAMILY = "ultralytics"


def training(result: SurgeryResult, pt: Path) -> Training | None:
    """How to train an edited network with stock Ultralytics.

    Args:
        result: The edit.
        pt: The file that was written.

    Returns:
        None for a network that Ultralytics' trainer does not take.
    """
    from surgeon.models.ultralytics import training as trainer

    plan, network = result.plan, result.after.module
    if plan.before.family != _FAMILY:
        return None
    parameters = [name for name, _ in network.named_parameters()]
    data = trainer.data_argument(result.after.checkpoint.get("train_args") or {}, result.after.task)
    blocks = tuple(plan.planted.values())
    usual = backbone_rows(plan)
    embed = len(plan.before) - 2
    alone = all_but_blocks(plan, parameters) if blocks else FreezeList(entries=())
    frozen = trainer.frozen_parameters(alone.entries, network)
    own = {name for name in parameters if name.startswith(tuple(f"{path}." for path in blocks))}
    # A text such as "model.1." may also stand in the middle of a name: what cannot be expressed is not printed.
    expressible = bool(own) and not own & frozen
    return Training(
        moves=row_moves(plan),
        freeze_before=usual,
        freeze=trainer.freeze_argument(frozen_rows(plan, usual, parameters).entries),
        embed_before=embed,
        embed=plan.renames.get(embed),
        blocks=blocks,
        only_blocks=trainer.train_command(pt, data, alone.entries) if expressible else None,
        everything=trainer.train_command(pt, data),
        also_trained=tuple(n for n in parameters if n not in own and n not in frozen) if expressible else (),
        moving_statistics=trainer.moving_statistics(alone.entries, network) if expressible else (),
        classes=_classes(network),
        notes=trainer.optimizer_notes(len(plan.before) - 1, len(plan.rows) - 1),
    )


def _classes(network: object) -> int | None:
    names = getattr(network, "names", None)
    return len(names) if isinstance(names, dict | list) and names else None
