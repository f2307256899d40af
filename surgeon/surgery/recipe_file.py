"""Recipes as files: YAML, one document a recipe, each refusal with the line and column of what is wrong. Torch-free.

    surgeon_recipe: 1
    edits:
      - insert: gam
        after: backbone.9
        set: {rate: 4}
      - replace: lska
        at: SPPF
      - remove: head.2

Several documents are several recipes, carried out one after the other: the sites of each count in the numbering of
the network as the one before has left it. `SCHEMA` says the same in JSON Schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from surgeon.blocks import catalog
from surgeon.blocks.naming import is_foreign
from surgeon.errors import BlockError, RecipeError
from surgeon.surgery.marked_yaml import Value, dump, parse, value_of
from surgeon.surgery.recipe import MODES, RECIPE_VERSION, STARTS, Edit, Insert, Recipe, Remove, Replace

SCHEMA = "recipe.schema.json"
"""The JSON schema of a recipe, a file of this package."""

_MAX_BYTES = 1_000_000
_PLACES = ("after", "before", "edge", "inside")
_KEYS = {"insert": (*_PLACES, "set", "start"), "replace": ("at", "set"), "remove": ()}
_ARROW = "->"


def schema_text() -> str:
    """The JSON schema of a recipe (draft 2020-12)."""
    return (resources.files("surgeon.surgery") / SCHEMA).read_text(encoding="utf-8")


def load_recipes(path: str | Path) -> tuple[Recipe, ...]:
    """Read a recipe file. It is untrusted: plain YAML data, no tags that build objects.

    Returns:
        Its recipes, to be carried out one after the other; mostly one.

    Raises:
        RecipeError: The file is missing or is no recipe; the message says where and what would work.
    """
    path = Path(path)
    text = _read(path)
    try:
        documents = parse(text)
        return tuple(_recipe(document) for document in documents or parse("null"))
    except RecipeError as error:
        raise RecipeError(f"{path}, {error}" if str(error).startswith("line ") else f"{path} is {error}") from error


def recipe_from_dict(data: Any) -> Recipe:
    """The inverse of `Recipe.to_dict`.

    Raises:
        RecipeError: The data is no recipe.
    """
    return _recipe(value_of(data))


def to_yaml(recipes: Recipe | Sequence[Recipe], comments: Iterable[str] = ()) -> str:
    """The text of a recipe file.

    Args:
        recipes: One, or several to be carried out one after the other.
        comments: Sentences for its first lines.
    """
    several = (recipes,) if isinstance(recipes, Recipe) else recipes
    head = "".join(f"# {sentence}\n" for sentence in comments)
    return head + "---\n".join(dump(recipe.to_dict()) for recipe in several)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise RecipeError(f"{path} is larger than {_MAX_BYTES} bytes: no recipe")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise RecipeError(f"there is no recipe {path}") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is no recipe: it is no text in UTF-8") from error
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror or error}") from error


def _recipe(document: Value) -> Recipe:
    if not isinstance(document.data, Mapping) or "edits" not in document.fields:
        raise document.refusal("a recipe is a mapping with surgeon_recipe: 1 and a list of edits")
    fields = document.fields
    _refuse_unknown(document, ("surgeon_recipe", "mode", "adapt", "edits"), "a recipe")
    version = fields.get("surgeon_recipe")
    if version is None:
        raise document.refusal("surgeon_recipe is missing: begin with surgeon_recipe: 1")
    if type(version.data) is not int or version.data != RECIPE_VERSION:
        raise version.refusal(f"surgeon_recipe is {version.data!r}, this surgeon reads {RECIPE_VERSION}")
    mode, adapt, edits = fields.get("mode"), fields.get("adapt"), fields["edits"]
    if mode is not None and mode.data not in MODES:
        raise mode.refusal(f"mode {mode.data!r} is unknown: {', '.join(MODES)}")
    if adapt is not None and not isinstance(adapt.data, bool):
        raise adapt.refusal(f"adapt is true or false, not {adapt.data!r}")
    if not isinstance(edits.data, list) or not edits.data:
        raise edits.refusal("edits is a list of at least one insert, replace or remove" + _empty(edits))
    return Recipe(
        edits=tuple(_edit(edit) for edit in edits.elements),
        mode="auto" if mode is None else str(mode.data),
        adapt=adapt is not None and bool(adapt.data),
    )


def _empty(edits: Value) -> str:
    return "; this recipe holds no edit" if edits.data in ([], None) else ""


def _edit(edit: Value) -> Edit:
    verbs = [verb for verb in _KEYS if verb in edit.fields]
    if len(verbs) != 1:
        raise edit.refusal(f"an edit has one of insert, replace, remove{', not two' if verbs else ''}")
    verb = verbs[0]
    _refuse_unknown(edit, (verb, *_KEYS[verb]), verb)
    if verb == "remove":
        return Remove(at=_name(edit, "remove"))
    module = _module(edit, verb)
    settings = _settings(edit, module)
    if verb == "replace":
        if "at" not in edit.fields:
            raise edit.refusal("replace needs at: SITE")
        return Replace(module=module, at=_name(edit, "at"), settings=settings)
    places = [place for place in _PLACES if place in edit.fields]
    if len(places) != 1:
        wrong = f"not both {places[0]} and {places[1]}" if places else "this one has none"
        raise edit.refusal(f"insert needs one site, {wrong}: after, before, edge or inside", key=(*places, "", "")[1])
    start = edit.fields.get("start")
    if start is not None and start.data not in STARTS:
        raise start.refusal(f"start is identity or paper, not {start.data!r}")
    site: Any = _edge(edit.fields["edge"]) if places == ["edge"] else _name(edit, places[0])
    return Insert(
        module=module, **{places[0]: site}, settings=settings, start=STARTS[0] if start is None else str(start.data)
    )


def _module(edit: Value, verb: str) -> str:
    name = _name(edit, verb)
    if not is_foreign(name):
        try:
            catalog.get(name)
        except BlockError as error:
            raise edit.fields[verb].refusal(str(error)) from error
    return name


def _settings(edit: Value, module: str) -> dict[str, Any]:
    given = edit.fields.get("set")
    if given is None or given.data is None:
        return {}
    if not isinstance(given.data, Mapping):
        raise given.refusal(f"set is a mapping of setting to value such as {{rate: 4}}, not {given.data!r}")
    if not is_foreign(module):
        info = catalog.get(module)
        for key in given.fields:
            if key not in info.defaults:
                raise given.refusal(catalog.unknown(f"{info.name} has no setting", key, info.defaults), key=key)
    return dict(given.data)


def _name(edit: Value, key: str) -> str:
    return _text(edit.fields[key], f"{key} is a name or a row number")


def _edge(edge: Value) -> tuple[str, str]:
    wanted = "edge is the two ends of a connection, [9, 21] or 9->21"
    if isinstance(edge.data, str):
        source, arrow, target = (part.strip() for part in edge.data.partition(_ARROW))
        if not (source and arrow and target):
            raise edge.refusal(f"{wanted}, not {edge.data!r}")
        return source, target
    if len(edge.elements) != 2:
        raise edge.refusal(f"{wanted}, not {edge.data!r}")
    source, target = (_text(end, wanted) for end in edge.elements)
    return source, target


def _text(value: Value, wanted: str) -> str:
    if isinstance(value.data, bool) or not isinstance(value.data, str | int) or value.data == "":
        raise value.refusal(f"{wanted}, not {value.data!r}")
    return str(value.data)


def _refuse_unknown(value: Value, known: Sequence[str], what: str) -> None:
    for key in value.fields:
        if key not in known:
            raise value.refusal(catalog.unknown(f"{what} has no key", key, known), key=key)
