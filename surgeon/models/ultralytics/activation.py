"""Checks of an untrusted ``model.yaml`` before Ultralytics' ``parse_model`` sees it.

Stock ``parse_model`` evaluates ``activation`` as Python, calls whatever name of its module a row gives, and looks up
or evaluates a row's texts. So an activation is parsed here, a row may name layers only, and a text is a plain word or
a literal. Sizes are bounded, so that a few lines cannot ask for terabytes.

Internals used: the names of ``ultralytics.nn.tasks`` that rows may use, among them ``TorchVision`` (8.3.59); the local
names of ``parse_model``, which a row's texts are looked up in (8.0.37); ``activation`` in a ``model.yaml`` (8.0.119).
"""

from __future__ import annotations

import ast
import importlib
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from torch import nn

from surgeon.errors import ModelFileError
from surgeon.models.ultralytics.consent import MAX_NUMBER, check_plain, require_consent, within
from surgeon.models.ultralytics.grafts_record import check_entries

MAX_ROWS = 1000
MAX_REPEATS = 500
MAX_TOTAL_REPEATS = 5000
MAX_DEPTH_OR_WIDTH = 100.0

_LOCALS_FOR_ROWS = frozenset({"nc", "kpt_shape", "reg_max", "end2end", "scale", "ch", "f", "c2"})
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,99}")
_SURGEON = re.compile(r"surgeon\.[A-Za-z_][A-Za-z0-9_.]*(:[A-Za-z_][A-Za-z0-9_.]*)?")
_ACTIVATION_HOME = "torch.nn.modules.activation"


def parse_activation(spec: Any, origin: str) -> str:
    """Check an activation as a ``model.yaml`` names it.

    Args:
        spec: Such as ``nn.SiLU()`` or ``torch.nn.LeakyReLU(0.1)``.
        origin: The file it came from, for messages.

    Returns:
        The same in its canonical form, ``torch.nn.LeakyReLU(0.1)``: safe to evaluate.

    Raises:
        ModelFileError: It is anything but one call of a torch.nn activation class with literal arguments.
    """
    problem = ModelFileError(
        f"{origin}: activation {str(spec)[:80]!r} is refused: write one torch.nn activation class with plain numbers, "
        "such as nn.ReLU() or torch.nn.LeakyReLU(0.1)"
    )
    if not isinstance(spec, str) or len(spec) > 200:
        raise problem
    try:
        call = ast.parse(spec.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise problem from None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        raise problem
    cls = vars(nn).get(call.func.attr)
    if ast.unparse(call.func.value) not in ("nn", "torch.nn") or not _is_activation(cls):
        raise problem
    literals = [*call.args, *(keyword.value for keyword in call.keywords)]
    if not all(_is_number(node) for node in literals) or any(k.arg in (None, "device", "dtype") for k in call.keywords):
        raise problem
    try:
        cls(*map(ast.literal_eval, call.args), **{str(k.arg): ast.literal_eval(k.value) for k in call.keywords})
    except Exception:  # the class refuses its arguments in its own way
        raise problem from None
    return f"torch.nn.{call.func.attr}({', '.join(ast.unparse(node) for node in [*call.args, *call.keywords])})"


def check_model_yaml(
    d: Mapping[str, Any],
    origin: str,
    *,
    is_block: Callable[[str], bool] | None = None,
    trust_modules: Sequence[str] = (),
    lenient: bool = False,
    downloads: bool = False,
) -> None:
    """Refuse a ``model.yaml`` that would run code, download, or exceed all bounds when a network is built from it.

    Args:
        d: The mapping, wherever it came from. It is not changed.
        origin: Where it came from, for messages.
        is_block: Which further names a row may use (blocks that the caller registered).
        trust_modules: Packages whose blocks (``surgeon.package.module:Class``) the user allowed.
        lenient: For a yaml inside a checkpoint that may never be rebuilt: names that nothing knows pass.
        downloads: Whether torchvision rows that would download weights pass; see `without_downloads`.

    Raises:
        ModelFileError: With the row and what would be accepted.
        UntrustedFileError: A row names a block of a package that the user did not allow.
    """
    if not isinstance(d, Mapping):
        raise ModelFileError(f"{origin} is no mapping with backbone and head")
    if d.get("activation"):
        parse_activation(d["activation"], origin)
    check_plain({k: v for k, v in d.items() if k not in ("backbone", "head", "surgeon")}, origin, "its header")
    check_plain(d.get("surgeon"), origin, "its surgeon record", bounded=False)
    check_entries(d, origin, trust_modules)
    _check_header(d, origin)
    rows = _rows(d, origin)
    gain = _depth_gain(d)
    total = 0
    for index, (section, row) in enumerate(rows):
        where = f"{origin}: row {index} ({section})"
        if not isinstance(row, list | tuple) or len(row) != 4:
            raise ModelFileError(f"{where} is no list of four: [from, repeats, module, args]")
        source, repeats, module, arguments = row
        _check_source(source, index, where)
        if not _is_int(repeats) or not 1 <= repeats * max(gain, 1.0) <= MAX_REPEATS:
            raise ModelFileError(f"{where}: {str(repeats)[:20]!r} repeats; 1 to {MAX_REPEATS} are accepted")
        total += round(repeats * max(gain, 1.0))
        _check_module(module, where, is_block, trust_modules, lenient)
        _check_arguments(arguments, where)
        if module == "TorchVision" and not downloads and _downloads(arguments):
            raise ModelFileError(f"{where} would download torchvision weights; write None as its third argument")
    if total > MAX_TOTAL_REPEATS:
        raise ModelFileError(f"{origin} repeats its rows {total} times in all; {MAX_TOTAL_REPEATS} are accepted")


def without_downloads(d: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The same ``model.yaml`` with torchvision rows that start from random weights.

    Returns:
        The new mapping, and a note for each row that was changed. The structure is the same.
    """
    new, notes = dict(d), []
    for section in ("backbone", "head"):
        new[section] = list(d.get(section) or [])
        for index, row in enumerate(new[section]):
            if isinstance(row, list) and len(row) == 4 and row[2] == "TorchVision" and _downloads(row[3]):
                arguments = list(row[3]) + ["None"] * (3 - len(row[3]))
                arguments[2] = "None"
                new[section][index] = [*row[:3], arguments]
                notes.append(f"{section}.{index}: torchvision weights are not downloaded, it starts from random ones")
    return new, notes


def layer_class(name: str) -> type[nn.Module] | None:
    """The layer that a row's module name stands for; None if it is no layer that a ``model.yaml`` may use."""
    found: Any = None
    home = "ultralytics.nn.modules"
    if name.startswith("nn."):
        found, home = vars(nn).get(name[3:]), "torch.nn.modules"
    elif name.startswith("torchvision.ops."):
        found, home = vars(importlib.import_module("torchvision.ops")).get(name[16:]), "torchvision.ops"
    else:
        from ultralytics.nn import tasks

        found = vars(tasks).get(name)
        # The networks themselves live in ultralytics.nn.tasks: as a row, one would parse a yaml of its own.
    is_layer = isinstance(found, type) and issubclass(found, nn.Module) and within(found.__module__, home)
    return found if is_layer else None


def _check_header(d: Mapping[str, Any], origin: str) -> None:
    for key in ("nc", "ch", "channels", "reg_max"):
        if d.get(key) is not None and (not _is_int(d[key]) or not 0 <= d[key] <= MAX_NUMBER):
            raise ModelFileError(f"{origin}: {key} is {d[key]!r}; a whole number up to {MAX_NUMBER} is accepted")
    for key in ("depth_multiple", "width_multiple"):
        if not _is_gain(d.get(key, 1.0)):
            raise ModelFileError(f"{origin}: {key} is {d[key]!r}; 0 to {MAX_DEPTH_OR_WIDTH} is accepted")
    scales = d.get("scales") or {}
    good = isinstance(scales, Mapping) and all(
        isinstance(s, str) and isinstance(v, list | tuple) and len(v) == 3 and _is_gain(v[0]) and _is_gain(v[1])
        for s, v in scales.items()
    )
    if not good or not all(_is_int(v[2]) or isinstance(v[2], float) for v in scales.values()):
        raise ModelFileError(f"{origin}: scales must map names to [depth, width, max_channels]")
    scale = d.get("scale")
    if scales and scale and (not isinstance(scale, str) or scale not in scales):
        raise ModelFileError(f"{origin} has no scale {scale!r}; it has {', '.join(scales)}")


def _depth_gain(d: Mapping[str, Any]) -> float:
    scales = d.get("scales") or {}
    if not scales:
        return float(d.get("depth_multiple", 1.0))
    return float(scales[d["scale"]][0] if d.get("scale") else max(v[0] for v in scales.values()))


def _rows(d: Mapping[str, Any], origin: str) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for section in ("backbone", "head"):
        if not isinstance(d.get(section), list) or not d[section]:
            looks_like_data = " (it looks like a dataset description)" if "train" in d or "val" in d else ""
            raise ModelFileError(f"{origin} is no model description: it has no {section}{looks_like_data}")
        rows += [(f"{section}.{index}", row) for index, row in enumerate(d[section])]
    if len(rows) > MAX_ROWS:
        raise ModelFileError(f"{origin} has {len(rows)} rows; {MAX_ROWS} are accepted")
    return rows


def _check_source(source: Any, index: int, where: str) -> None:
    sources = source if isinstance(source, list | tuple) else [source]
    if not sources or not all(_is_int(s) for s in sources):
        raise ModelFileError(f"{where} reads {str(source)[:40]!r}; row numbers are accepted")
    for one in sources:
        if not -max(index, 1) <= one < index:  # -1 of the first row is the image
            raise ModelFileError(f"{where} reads row {one}, which does not exist before it")


def _check_module(
    module: Any, where: str, is_block: Callable[[str], bool] | None, trust_modules: Sequence[str], lenient: bool
) -> None:
    if not isinstance(module, str) or len(module) > 200:
        raise ModelFileError(f"{where}: its module is {str(module)[:40]!r}, not a name")
    if _SURGEON.fullmatch(module):
        require_consent(module.removeprefix("surgeon."), where, trust_modules)
        return
    if layer_class(module) is not None or module == "Silence" or (is_block is not None and is_block(module)):
        return
    if lenient and not _names_something(module):
        return
    raise ModelFileError(f"{where}: {module!r} is no layer that this Ultralytics, torch.nn or surgeon has")


def _names_something(module: str) -> bool:
    from ultralytics.nn import tasks

    return "." in module or module in vars(tasks)


def _check_arguments(arguments: Any, where: str) -> None:
    if not isinstance(arguments, list | tuple) or len(arguments) > 64:
        raise ModelFileError(f"{where}: its arguments are no list")
    check_plain(list(arguments), where, "an argument")
    for argument in arguments:
        if isinstance(argument, str):
            _check_text(argument, where)


def _check_text(text: str, where: str) -> None:
    if _WORD.fullmatch(text):
        if text in _parser_locals() - _LOCALS_FOR_ROWS:
            raise ModelFileError(f"{where}: the argument {text!r} is an internal name of Ultralytics' parser")
        return
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        raise ModelFileError(f"{where}: the argument {text[:60]!r} is neither a plain word nor a literal") from None
    check_plain(value, where, "an argument")


def _parser_locals() -> frozenset[str]:
    from ultralytics.nn import tasks

    parse = tasks.parse_model
    while hasattr(parse, "__wrapped__"):
        parse = parse.__wrapped__
    code: types.CodeType = parse.__code__
    return frozenset(code.co_varnames) | frozenset(code.co_cellvars) | {"x", "torch", "nn"}


def _downloads(arguments: Any) -> bool:
    return isinstance(arguments, list) and (len(arguments) < 3 or arguments[2] not in (None, "None", False))


def _is_activation(cls: Any) -> TypeGuard[type[nn.Module]]:
    if not isinstance(cls, type) or not issubclass(cls, nn.Module):
        return False
    return cls is nn.Identity or (cls.__module__ == _ACTIVATION_HOME and cls is not nn.MultiheadAttention)


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        node = node.operand
    if not isinstance(node, ast.Constant):
        return False
    value = node.value
    if isinstance(value, str):
        return value in ("none", "tanh")
    return isinstance(value, bool) or (isinstance(value, int | float) and abs(value) <= MAX_NUMBER)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_gain(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_DEPTH_OR_WIDTH
