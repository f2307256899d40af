"""Reading a TOML file of settings: plain data, and one sentence for whatever is wrong with it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from surgeon.errors import InputError

PYPROJECT = "pyproject.toml"
OWN = "surgeon.toml"
_MAX_BYTES = 1_000_000


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file; of a ``pyproject.toml`` those below ``tool.surgeon``, none where it has no such table.

    Raises:
        InputError: It cannot be read or is no TOML.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise InputError(f"{path} is larger than {_MAX_BYTES} bytes: no file of settings is")
        data = tomllib.loads(raw.decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no TOML: it is no text in UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path} is no TOML: {' '.join(str(error).split())}") from error
    if path.name != PYPROJECT:
        return data
    tool = data.get("tool")
    own = tool.get("surgeon", {}) if isinstance(tool, dict) else {}
    if not isinstance(own, dict):
        raise InputError(f"{path}, tool.surgeon is a table of settings, not {own!r}")
    return own


def shown(path: Path, key: str) -> str:
    """A key with its file, for messages: ``surgeon.toml, profile.imgsz``."""
    return f"{path}, {'tool.surgeon.' if path.name == PYPROJECT else ''}{key}"
