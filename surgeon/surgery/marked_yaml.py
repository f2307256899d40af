"""YAML text as plain values that know where they stand: line and column of every key and value. Torch-free.

Recipes are untrusted. The safe loader builds no objects; beyond that aliases are refused (nested ones grow without
bounds), and so are keys that stand twice, of which YAML would silently take the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from surgeon.errors import RecipeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place in a file, both numbers from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        """As editors and compilers write it."""
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value and where it stands.

    Attributes:
        data: The value itself, plain data.
        mark: Its place; None for data that came from no file.
        fields: The values of a mapping by key.
        keys: Where the keys of a mapping stand.
        elements: The values of a list.
    """

    data: Any
    mark: Mark | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)
    keys: Mapping[str, Mark | None] = field(default_factory=dict)
    elements: Sequence[Value] = ()

    def refusal(self, sentence: str, *, key: str | None = None) -> RecipeError:
        """The error for what is wrong here, or at one of the keys."""
        return refusal(sentence, self.mark if key is None else self.keys.get(key, self.mark))


def refusal(sentence: str, mark: Mark | None) -> RecipeError:
    """The error for what is wrong at a place."""
    return RecipeError(sentence if mark is None else f"{mark}: {sentence}")


def value_of(data: Any) -> Value:
    """Plain data that came from no file."""
    if isinstance(data, Mapping):
        fields = {str(key): value_of(item) for key, item in data.items()}
        return Value(data=data, fields=fields, keys=dict.fromkeys(fields))
    return Value(data=data, elements=tuple(map(value_of, data)) if isinstance(data, list) else ())


def parse(text: str) -> tuple[Value, ...]:
    """The documents of a YAML text.

    Raises:
        RecipeError: It is no YAML, or uses what a recipe needs not; with line and column.
    """
    try:
        return tuple(_documents(_Loader(text)))
    except yaml.YAMLError as error:
        raise _no_yaml(error, text) from error
    except RecursionError as error:
        raise RecipeError("no YAML that a recipe needs: its lists and mappings are nested too deep") from error


def _documents(loader: _Loader) -> Iterator[Value]:
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            yield _from_node(loader, node)
    finally:
        loader.dispose()


def _no_yaml(error: yaml.YAMLError, text: str) -> RecipeError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    if mark is None and (position := getattr(error, "position", None)) is not None:  # a character YAML does not have
        before = text[:position]
        return refusal(f"no YAML: {problem}", Mark(line=before.count("\n") + 1, column=position - before.rfind("\n")))
    return refusal(f"no YAML: {' '.join(str(problem).split())}", None if mark is None else _mark(mark))


_STANDARD = "tag:yaml.org,2002:"
_PLAIN = frozenset(_STANDARD + kind for kind in ("map", "seq", "str", "int", "float", "bool", "null"))


class _Loader(yaml.SafeLoader):
    """The safe loader without aliases, and with the numbers of YAML 1.2.

    YAML 1.1 reads ``22:0``, the first input of row 22, as a number to base 60, and ``1e-3`` as a text.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, f"a recipe has no aliases, write out what *{event.anchor} stands for", event.start_mark
            )
        return super().compose_node(parent, index)


_NUMBERS = (f"{_STANDARD}int", f"{_STANDARD}float")
_INTEGER = re.compile(r"^[-+]?(?:0x[0-9a-fA-F]+|0|[1-9][0-9_]*)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_Loader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in found if tag not in _NUMBERS]
    for sign, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_NUMBERS[0], _INTEGER, list("-+0123456789"))
_Loader.add_implicit_resolver(_NUMBERS[1], _FLOAT, list("-+.0123456789"))


class _Dumper(yaml.SafeDumper):
    """Quotes the texts that either version of YAML would read as a number."""


_Dumper.add_implicit_resolver(_NUMBERS[0], _INTEGER, list("-+0123456789"))
_Dumper.add_implicit_resolver(_NUMBERS[1], _FLOAT, list("-+.0123456789"))


def dump(data: Any) -> str:
    """Plain data as YAML text that `parse` reads as the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _from_node(loader: _Loader, node: yaml.Node) -> Value:
    mark = _mark(node.start_mark)
    if node.tag not in _PLAIN:
        name = node.tag.removeprefix(_STANDARD)
        raise refusal(f"no plain value but {name!r}: a recipe holds names, numbers and lists; quote a text", mark)
    if isinstance(node, yaml.SequenceNode):
        elements = tuple(_from_node(loader, item) for item in node.value)
        return Value(data=[element.data for element in elements], mark=mark, elements=elements)
    if isinstance(node, yaml.MappingNode):
        return _from_mapping(loader, node, mark)
    try:
        return Value(data=loader.construct_object(node, deep=True), mark=mark)
    except ValueError as error:  # !!int twelve, or more digits than Python converts
        raise refusal(f"{node.value[:40]!r} is no {node.tag.removeprefix(_STANDARD)}", mark) from error


def _from_mapping(loader: _Loader, node: yaml.MappingNode, mark: Mark) -> Value:
    fields: dict[str, Value] = {}
    keys: dict[str, Mark | None] = {}
    for key_node, value_node in node.value:
        at = _mark(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            raise refusal("a key is a name, no list and no mapping", at)
        key = str(key_node.value)
        if key in fields:
            raise refusal(f"the key {key!r} stands twice, first at {keys[key]}; keep one", at)
        fields[key], keys[key] = _from_node(loader, value_node), at
    return Value(data={key: value.data for key, value in fields.items()}, mark=mark, fields=fields, keys=keys)


def _mark(mark: Any) -> Mark:
    return Mark(line=mark.line + 1, column=mark.column + 1)
