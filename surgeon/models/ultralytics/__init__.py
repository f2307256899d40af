"""The fence: the only place of surgeon that imports ultralytics or knows its internals.

Supported: see ``pyproject.toml`` and ``docs/training.md``. Each file names the internals that it uses, with the
release in which each appeared as it is used here; ``tests/models/test_internals.py`` looks for them in the installed
release.
"""
