"""The public names with their signatures and docstrings, as a page."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import surgeon
from surgeon import shown

_HEAD = """# The Python API

`import surgeon` loads no torch; each of these names is loaded when it is first used. Everything else in the package may
change without notice. An error that is about the input is a `SurgeonError`, whose text is one sentence.

```python
import surgeon

before = surgeon.open("yolov8n.yaml")
after = before.insert("gam", after="backbone.9")
after.profile(imgsz=320, latency=False)
```
"""
_GROUPS = {
    "Networks": ("open", "Model"),
    "Measuring": ("compare", "ProfileSettings", "check", "trace", "log_to_ultralytics"),
    "Results": ("ProfileResult", "Comparison", "open_results"),
    "Edits as data": ("Recipe", "Insert", "Replace", "Remove"),
    "Formulas of your own": ("register_macs", "unregister_macs"),
    "Errors": ("SurgeonError",),
}


def api_page() -> str:
    """The page."""
    listed = {name for names in _GROUPS.values() for name in names}
    assert listed == set(surgeon.__all__), listed ^ set(surgeon.__all__)
    parts = [_HEAD]
    for title, names in _GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [_entry(f"surgeon.{name}", getattr(surgeon, name), 3) for name in names]
        if title == "Results":
            parts.append(_SHOWN.format(methods=", ".join(f"`{name}`" for name in _methods_of_results())))
    return "\n".join(parts)


_SHOWN = """What `Model.profile`, `surgeon.compare` and `surgeon.open_results` return shows itself: as HTML in a
notebook, as the terminal's report under `print`. Its methods: {methods}.
"""


def _methods_of_results() -> list[str]:
    return [f"{name}()" for name, _ in inspect.getmembers(shown.ShownProfile, inspect.isfunction) if name[0] != "_"]


def _entry(name: str, thing: Any, level: int) -> str:
    text = f"{'#' * level} `{name}`\n\n```text\n{name.rpartition('.')[2]}{_signature(thing)}\n\n{_doc(thing)}\n```\n"
    if inspect.isclass(thing) and not dataclasses.is_dataclass(thing):
        own = [(key, value) for key, value in vars(thing).items() if key[0] != "_" and _is_shown(value)]
        text += "\n" + "\n".join(_entry(f"{name}.{key}", value, level + 1) for key, value in own)
    return text


def _is_shown(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, property)


def _signature(thing: Any) -> str:
    """``(self) -> str`` of a method, ``: str`` of an attribute."""
    if isinstance(thing, property):
        returned = inspect.signature(thing.fget).return_annotation if thing.fget else ""
        return f": {returned}".replace("'", "")
    try:
        return str(inspect.signature(thing)).replace("'", "")
    except (TypeError, ValueError):
        return ""


def _doc(thing: Any) -> str:
    return inspect.getdoc(thing) or ""
