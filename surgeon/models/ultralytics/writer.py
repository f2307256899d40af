"""Writing an edited network: a ``.pt`` that stock Ultralytics loads, and a readable ``.yaml`` beside it.

Both are written to temporary files in the target folder and renamed: there is never half a file. Weights are written
as they are (Ultralytics' own ``save`` would round them to float16).

Internals used: the checkpoint keys that ``load_checkpoint`` and the trainer read (``model``, ``ema``, ``train_args``,
``epoch``, 8.0.0); family tokens in file names (``rtdetr`` 8.0.120, ``world`` 8.1.14, ``yoloe`` 8.3.99);
``guess_model_scale`` (8.0.55).
"""

from __future__ import annotations

import copy
import datetime
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from surgeon.errors import OutputError
from surgeon.models.ultralytics.registration import RECORD, all_rows

_TOKENS = {"WorldModel": "-world", "YOLOEModel": "yoloe", "YOLOESegModel": "yoloe", "RTDETRDetectionModel": "rtdetr"}


def write_model(module: nn.Module, train_args: Mapping[str, Any], pt: Path, *, force: bool) -> tuple[Path, Path]:
    """Write ``pt`` and, with the same stem, its ``.yaml``.

    Args:
        module: The network.
        train_args: Training arguments to keep with it.
        pt: Where to write; its folder must exist.
        force: Whether existing files are replaced.

    Returns:
        The two paths.

    Raises:
        OutputError: A file exists and `force` is not given, or the folder cannot be written.
    """
    yaml_path = require_free(pt, force=force)
    text = yaml_text(module, pt.stem)
    checkpoint = _checkpoint(module, train_args)
    write_pair(pt, lambda path: torch.save(checkpoint, path), yaml_path, text)
    return pt, yaml_path


def write_pair(pt: Path, save: Callable[[Path], object], yaml_path: Path, text: str) -> None:
    """Write both files or neither.

    Raises:
        OutputError: The folder cannot be written.
    """
    with _Pair(pt, yaml_path) as (pt_temporary, yaml_temporary):
        _write(pt_temporary, save)
        _write(yaml_temporary, lambda path: path.write_text(text, encoding="utf-8"))


def require_free(pt: Path, *, force: bool) -> Path:
    """Refuse a target that cannot be written; returns the path of the ``.yaml`` beside it.

    Raises:
        OutputError: As for `write_model`.
    """
    if pt.suffix != ".pt":
        raise OutputError(f"--out {pt} must end in .pt; the .yaml is written beside it")
    yaml_path = pt.with_suffix(".yaml")
    if not pt.parent.is_dir():
        raise OutputError(f"there is no folder {pt.parent} to write {pt.name} into")
    for path in (pt, yaml_path):
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} is no file; choose another --out")
    taken = [path for path in (pt, yaml_path) if path.exists()]
    if taken and not force:
        raise OutputError(
            f"{' and '.join(map(str, taken))} already there; choose another --out, or replace with --force"
        )
    _require_writable(pt.parent)
    return yaml_path


def output_stem(module: nn.Module, source_stem: str, words: tuple[str, ...]) -> str:
    """``<source stem>-<block>``, with the token by which Ultralytics knows the family of a yaml by its name."""
    stem = "-".join([source_stem, *words])
    token = _TOKENS.get(type(module).__name__, "")
    return stem if token.strip("-") in stem else f"{stem}{token if token.startswith('-') else '-' + token}"


def free_path(folder: Path, stem: str, shipped: Callable[[str], bool]) -> Path:
    """The first of ``stem.pt``, ``stem-2.pt`` … that neither exists (nor its yaml) nor bears a shipped name."""
    number = 1
    while True:
        path = folder / (f"{stem}.pt" if number == 1 else f"{stem}-{number}.pt")
        if not path.exists() and not path.with_suffix(".yaml").exists() and not shipped(f"{path.stem}.yaml"):
            return path
        number += 1


def yaml_text(module: nn.Module, stem: str) -> str:
    """The readable ``model.yaml`` of one scale: one row a line, planted rows marked."""
    from ultralytics.nn.tasks import guess_model_scale

    d: dict[str, Any] = copy.deepcopy(dict(module.yaml))  # type: ignore[arg-type]
    rows = all_rows(d)
    scale = d.pop("scale", "") or ""
    if scales := d.get("scales"):
        values = scales.get(scale) or next(iter(scales.values()))
        # Ultralytics takes the scale from the file's name, if it finds a letter there.
        d["scales"] = {name: list(values) for name in dict.fromkeys([scale or "n", guess_model_scale(stem)]) if name}
    backbone = len(d["backbone"])
    for key in ("yaml_file", "backbone", "head"):
        d.pop(key, None)
    record = d.pop(RECORD, None)
    lines = ["# Written by surgeon. Rows are [from, repeats, module, args].", ""]
    lines += [flow(d)] if d else []
    for section, start, stop in (("backbone", 0, backbone), ("head", backbone, len(rows))):
        lines.append(f"{section}:")
        lines += [f"  - {inline(rows[i])} # {i}" for i in range(start, stop)]
        lines.append("")
    if record is not None:
        lines.append(flow({RECORD: record}))
    return "\n".join(lines)


def flow(d: Mapping[str, Any]) -> str:
    """Plain data as block YAML, its innermost lists and mappings in one line each."""
    return yaml.safe_dump(_plain(d), sort_keys=False, default_flow_style=None, allow_unicode=True, width=110)


def inline(row: list[Any]) -> str:
    """A row of a ``model.yaml`` in one line."""
    return yaml.safe_dump(_plain(row), default_flow_style=True, width=10_000).strip()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _checkpoint(module: nn.Module, train_args: Mapping[str, Any]) -> dict[str, Any]:
    import ultralytics

    # A shallow copy: what is left out is left out of the file only, and the weights are not in memory twice.
    clean = copy.copy(module)
    if hasattr(clean, "criterion"):
        vars(clean).update(_modules={n: m for n, m in clean._modules.items() if n != "criterion"}, criterion=None)
    return {
        "epoch": -1,
        "best_fitness": None,
        "model": clean,
        "ema": None,
        "updates": None,
        "optimizer": None,
        "train_args": dict(train_args),
        "date": datetime.datetime.now(datetime.UTC).isoformat(),
        "version": ultralytics.__version__,
        "license": "AGPL-3.0 (https://ultralytics.com/license)",
        "docs": "https://docs.ultralytics.com",
    }


def _write(path: Path, write: Callable[[Path], object]) -> None:
    try:
        write(path)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"cannot write into {path.parent}: {error}") from error


def _require_writable(folder: Path) -> None:
    """Try the folder before any work is done."""
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".surgeon-")
    except OSError as error:
        raise _unwritable(folder, error) from error
    os.close(handle)
    Path(name).unlink()


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write into {folder}: {error.strerror}")


class _Pair:
    """Two temporary files that become their targets together, or vanish."""

    def __init__(self, *targets: Path) -> None:
        self._targets = targets
        self._temporary: list[Path] = []

    def __enter__(self) -> list[Path]:
        try:
            for target in self._targets:
                handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix)
                os.close(handle)
                self._temporary.append(Path(name))
        except OSError as error:
            self._discard()
            raise _unwritable(self._targets[0].parent, error) from error
        return self._temporary

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._discard()
            return
        mask = os.umask(0)
        os.umask(mask)
        try:
            for temporary, target in zip(self._temporary, self._targets, strict=True):
                temporary.chmod(0o666 & ~mask)
                temporary.replace(target)
        except OSError as error:
            self._discard()
            raise _unwritable(self._targets[0].parent, error) from error

    def _discard(self) -> None:
        for temporary in self._temporary:
            temporary.unlink(missing_ok=True)
