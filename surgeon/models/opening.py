"""Opening whatever a user names: a YAML that ships with Ultralytics, a file, a live ``YOLO`` or ``nn.Module``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from surgeon.errors import ModelFileError
from surgeon.models.opened import OpenedModel

DEFAULT_MODEL = "yolov8n.yaml"
_YAML = (".yaml", ".yml")


def open_model(source: Any, *, trust: bool = False, trust_modules: Sequence[str] = ()) -> OpenedModel:
    """Open a model.

    Args:
        source: A YAML name that ships with Ultralytics (any family and scale), a path to a ``.yaml`` or ``.pt``, a
            live ``ultralytics.YOLO`` or the ``nn.Module`` inside one.
        trust: Read a ``.pt`` with full unpickling, which runs whatever code it names.
        trust_modules: Packages whose classes a ``.pt`` may use; they are imported.

    Raises:
        ModelFileError: There is no such model, the file is none that surgeon can open, or it lacks a block that it
            records.
        UntrustedFileError: The file needs classes that nobody vouched for.
    """
    if isinstance(source, OpenedModel):
        return source
    if isinstance(source, str | Path):
        text = str(source)
        suffix = Path(text).suffix.lower()
        if suffix in _YAML or (suffix != ".pt" and not Path(text).exists()):
            return _open_yaml(text, trust_modules)
        return _open_checkpoint(Path(text), trust=trust, trust_modules=trust_modules)
    return _open_live(source)


def _open_yaml(name: str, trust_modules: Sequence[str]) -> OpenedModel:
    from surgeon.models.ultralytics import build, registration, yaml_source

    found = yaml_source.resolve_yaml(name, trust_modules=trust_modules)
    registration.import_foreign_blocks(found.data)
    module = build.build_from_yaml(found.data, found.origin)
    return OpenedModel(
        name=found.name,
        module=module,
        source=name,
        task=str(module.task),
        path=None if found.shipped else found.path,
        sha256=found.sha256,
        notes=(*found.notes, f"weights are random: built from {found.origin} with seed {build.SEED}"),
    )


def _open_checkpoint(path: Path, *, trust: bool, trust_modules: Sequence[str]) -> OpenedModel:
    from surgeon.models.ultralytics import checkpoint

    return checkpoint.open_checkpoint(path, trust=trust, trust_modules=trust_modules)


def _open_live(source: Any) -> OpenedModel:
    from surgeon.models.ultralytics import checkpoint

    inner = getattr(source, "model", None)
    if not isinstance(source, nn.Module) or (isinstance(inner, nn.Module) and not isinstance(inner, nn.Sequential)):
        # ultralytics.YOLO is an nn.Module around the network; other wrappers keep it in .model as well.
        source, wrapper = inner, source
    else:
        wrapper = source
    if not isinstance(source, nn.Module):
        raise ModelFileError(
            f"cannot open a {type(wrapper).__name__}: give a YAML name, a path, an ultralytics.YOLO or an nn.Module"
        )
    return checkpoint.open_live(source)
