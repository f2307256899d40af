"""Reading an untrusted YAML file as plain data, without aliases that expand beyond bounds.

Uses PyYAML's safe loader in its Python form: deep nesting then raises an error, where the C form overflows the stack.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from surgeon.errors import ModelFileError

MAX_BYTES = 256 * 1024
MAX_EVENTS = 100_000
MAX_NODES = 100_000
"""Values after every alias has been expanded."""
MAX_NESTING = 32


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Args:
        path: The file.

    Returns:
        The mapping; the text ``None`` as a top-level value becomes None, as Ultralytics reads it.

    Raises:
        ModelFileError: It cannot be read, is no mapping, holds tags that build objects, or exceeds the bounds.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise ModelFileError(f"{path} is larger than {MAX_BYTES // 1024} KiB, no model description is")
    try:
        _check_events(raw, path)
        data = _construct(raw, path)
    except yaml.YAMLError as error:
        raise ModelFileError(f"{path} is no valid YAML: {_first_line(error)}") from error
    except (ValueError, RecursionError, OverflowError, TypeError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path} is no valid YAML: {_first_line(error)}") from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ModelFileError(f"{path} is no model description: it holds no mapping of names to values")
    return {key: None if value == "None" else value for key, value in data.items()}


def _check_events(raw: bytes, path: Path) -> None:
    depth = 0
    for count, event in enumerate(yaml.parse(raw, Loader=yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_NESTING or count > MAX_EVENTS:
            raise ModelFileError(f"{path} nests deeper than {MAX_NESTING} levels or holds too many values")


def _construct(raw: bytes, path: Path) -> Any:
    loader = yaml.SafeLoader(raw)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ModelFileError(f"{path} is empty")
        if _expanded_size(node, {}, path) > MAX_NODES:
            raise ModelFileError(f"{path} expands to more than {MAX_NODES} values through its anchors")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _expanded_size(node: yaml.Node, sizes: dict[int, int], path: Path) -> int:
    # 0 marks a node whose size is being taken: meeting it again means that it contains itself.
    known = sizes.get(id(node))
    if known == 0:
        raise ModelFileError(f"{path} holds an anchor that contains itself")
    if known is not None:
        return known
    sizes[id(node)] = 0
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        children = [inner for pair in node.value for inner in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = list(node.value)
    sizes[id(node)] = 1 + sum(_expanded_size(child, sizes, path) for child in children)
    return sizes[id(node)]


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
