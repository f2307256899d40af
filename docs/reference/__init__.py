"""Generates docs/commands.md from the help of every command, and docs/api.md from the public docstrings."""
