"""The fence: the only place of surgeon that imports ultralytics or knows its internals.

Supported: see ``pyproject.toml``. Each use of an internal name is documented where it stands.
"""
