"""The JSON schema of saved results, made from the dataclasses that they are; published as ``result.schema.json``.

Whoever reads a result without surgeon reads that file: every field with its unit, as its class describes it. Fields
with a default may be missing, for an older surgeon did not know them.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import types
import typing
from pathlib import Path
from typing import Any

from surgeon.profiler.deployed.figures import DeployedComparison
from surgeon.profiler.results import SCHEMA_VERSION, Comparison, ProfileResult

FILE = Path(__file__).with_name("result.schema.json")
"""The published schema; a test keeps it equal to what `result_schema` makes."""

_KINDS: dict[str, type] = {"profile": ProfileResult, "comparison": Comparison, "deployed": DeployedComparison}
_SCALARS: dict[type, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"anyOf": [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}]},
}
_ATTRIBUTE = re.compile(r"^    (\w+(?:, \w+)*): (.*)$")


def result_schema() -> dict[str, Any]:
    """The schema of what ``--json`` writes: a profile, a comparison, deployed networks, an edit, or a list of them."""
    definitions: dict[str, Any] = {}
    for kind, cls in _KINDS.items():
        _define(cls, definitions)
        definitions[cls.__name__]["properties"]["kind"] = {"const": kind}
        definitions[cls.__name__]["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    definitions["Edit"] = _edit()
    several = {"type": "array", "items": {"$ref": "#"}, "minItems": 1}
    head = {"kind": {"const": "results"}, "schema_version": {"const": SCHEMA_VERSION}}
    definitions["Results"] = {"description": "Several results, in order.", **_object({**head, "results": several})}
    saved = (cls.__name__ for cls in _KINDS.values())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A result of surgeon, schema version {SCHEMA_VERSION}",
        "oneOf": [{"$ref": f"#/$defs/{name}", "required": ["kind"]} for name in ("Edit", "Results", *saved)],
        "$defs": dict(sorted(definitions.items())),
    }


def text() -> str:
    """The schema as the published file has it."""
    return json.dumps(result_schema(), indent=1, ensure_ascii=True) + "\n"


def _define(cls: type, definitions: dict[str, Any]) -> None:
    """Add a dataclass and all that it holds."""
    if cls.__name__ in definitions:
        return
    definitions[cls.__name__] = {}
    hints = typing.get_type_hints(cls)
    said = _descriptions(cls)
    properties: dict[str, Any] = {}
    required = []
    for one in dataclasses.fields(cls):
        properties[one.name] = _of_type(hints[one.name], definitions)
        if one.name in said:
            properties[one.name] = {"description": said[one.name], **properties[one.name]}
        if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
            required.append(one.name)
    definitions[cls.__name__] = {
        "description": (inspect.getdoc(cls) or "").partition("\n\n")[0].replace("\n", " "),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _of_type(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of an annotated type, in the form in which `surgeon.profiler.saved` writes it."""
    if dataclasses.is_dataclass(kind):
        assert isinstance(kind, type)
        _define(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if kind in _SCALARS:
        return dict(_SCALARS[kind])
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return {"anyOf": [_of_type(inner, definitions), {"type": "null"}]}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_type(arguments[1], definitions)}
    assert origin is tuple, kind
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return {"type": "array", "items": _of_type(arguments[0], definitions)}
    items = [_of_type(argument, definitions) for argument in arguments]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _descriptions(cls: type) -> dict[str, str]:
    """What a class's docstring says of each attribute."""
    found: dict[str, str] = {}
    names: list[str] = []
    lines = (inspect.getdoc(cls) or "").partition("Attributes:\n")[2].splitlines()
    for line in lines:
        start = _ATTRIBUTE.match(line)
        if start is not None:
            names = start[1].split(", ")
            found.update(dict.fromkeys(names, start[2]))
        else:
            found.update({name: f"{found[name]} {line.strip()}" for name in names if line.strip()})
    return found


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _edit() -> dict[str, Any]:
    """What an editing command did, as `surgeon.report.formats.machine` writes it."""
    texts, number, text = {"type": "array", "items": {"type": "string"}}, {"type": "integer"}, {"type": "string"}
    counts = dict.fromkeys(("copied", "adopted", "fresh", "dropped"), number)
    names = dict.fromkeys(("copied_names", "adopted_names", "fresh_names", "dropped_names"), texts)
    check = _object({"name": text, "passed": {"type": "boolean"}, "ran": {"type": "boolean"}, "detail": text})
    return {
        "description": "What an editing command did: the tensors it kept, the promises it checked, before and after.",
        **_object(
            {
                "schema_version": {"const": SCHEMA_VERSION},
                "kind": {"const": "edit"},
                "source": text,
                "outputs": texts,
                "edits": texts,
                "tensors": _object({**counts, **names}),
                "checks": {"type": "array", "items": check},
                "passed": {"type": "boolean"},
                "notes": texts,
                "training": {"description": "How to train it: row numbers and commands.", "type": ["object", "null"]},
                "comparison": {"anyOf": [{"$ref": "#/$defs/Comparison"}, {"type": "null"}]},
                "dry_run": {"type": "boolean"},
            }
        ),
    }
