"""Finding the network that a recorded edit was made from, for the tensors that the edit dropped.

A file is taken for what it is, not for its name: the digest of its tensors says before which of the recorded edits it
stood. Several edits may lie between (they were made in one go and only the last state was written): what they left in
place is followed through their renames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surgeon.errors import InputError, PlanError
from surgeon.surgery.record import Entry

if TYPE_CHECKING:
    from torch import nn

    from surgeon.models.opened import OpenedModel

_YAML = (".yaml", ".yml")


class Sources:
    """Where the source of an edited model may be.

    Args:
        model: The edited model; the source is looked for beside it and in the working directory.
        given: The source as the user named it.
        known: Models at hand that may be the source.
        trust: Read a ``.pt`` with full unpickling.
        trust_modules: Packages whose classes it may use.

    Attributes:
        used: The source that modules were taken from, None as long as there was none.
    """

    def __init__(
        self,
        model: OpenedModel,
        given: OpenedModel | str | Path | None,
        known: Sequence[OpenedModel] = (),
        *,
        trust: bool,
        trust_modules: Sequence[str],
    ) -> None:
        self._model = model
        self._given = given
        self._known = known
        self._trust = trust
        self._trust_modules = trust_modules
        self.used: str | None = None

    def modules(self, entries: Sequence[Entry], paths: Sequence[str]) -> dict[str, nn.Module]:
        """Modules of the network before the last of some edits.

        Args:
            entries: The edits.
            paths: Where the modules stood before the last of them.

        Raises:
            PlanError: No source is found, or it is not the one that the record names.
        """
        wrong: list[str] = []
        for name, opened in self._candidates(entries, wrong):
            number = _state_before(opened, entries)
            if number is None:
                wrong.append(f"{name} is not the model that it was made from: its tensors are others")
                continue
            found = _followed(opened, entries[number:], paths)
            if found is not None:
                self.used = opened.source
                return found
            wrong.append(f"{name} stood before an earlier edit, which planted what the last one dropped")
        entry = entries[-1]
        why = f"; {'; '.join(wrong)}" if wrong else ", which is neither beside it nor in the working directory"
        raise PlanError(
            f"to undo '{entry.recipe.edits[0]}', {self._model.source} needs the tensors that it dropped from "
            f"{entry.source} (sha256 {_short(entry.source_sha256)}){why}: name it with --source FILE"
        )

    def _candidates(self, entries: Sequence[Entry], wrong: list[str]) -> Iterator[tuple[str, OpenedModel]]:
        """What may be the source, each opened when it is asked for; the user's own word is the only one if given."""
        from surgeon.models.opening import open_model

        places: list[Any] = [self._given]
        if self._given is None:
            places = [*self._known, *self._places(entries)]
        for place in places:
            try:
                opened = open_model(place, trust=self._trust, trust_modules=self._trust_modules)
            except InputError as error:
                if place is self._given:
                    raise
                wrong.append(str(error))
                continue
            yield opened.source, opened

    def _places(self, entries: Sequence[Entry]) -> Iterator[str]:
        folders = [Path()] if self._model.path is None else [self._model.path.parent, Path()]
        names = dict.fromkeys(Path(entry.source).name for entry in reversed(entries))
        seen = set()
        for name in names:
            for folder in folders:
                path = folder / name
                if path.is_file() and path.resolve() not in seen:
                    seen.add(path.resolve())
                    yield str(path)
            if Path(name).suffix in _YAML and not any((folder / name).is_file() for folder in folders):
                yield name  # one that ships with Ultralytics: built anew with the same seed
        if self._model.path is not None and self._model.path.resolve() not in seen and self._model.path.is_file():
            yield str(self._model.path)  # edited in memory since it was opened


def _state_before(opened: OpenedModel, entries: Sequence[Entry]) -> int | None:
    """Number of the edit, from 0, before which the record had these very tensors; the last such one."""
    from surgeon.models.digest import combined, tensor_digests

    state = combined(tensor_digests(opened.module))
    numbers = range(len(entries) - 1, -1, -1)
    return next((n for n in numbers if (digests := entries[n].digests) is not None and digests.former == state), None)


def _followed(opened: OpenedModel, entries: Sequence[Entry], paths: Sequence[str]) -> dict[str, nn.Module] | None:
    """The modules in a network that stood before the first of some edits; None where one was planted in between."""
    found: dict[str, nn.Module] = {}
    for path in paths:
        then: str | None = path
        for entry in reversed(entries[:-1]):
            then = None if then is None or entry.former is None else entry.former.back(then)
        try:
            if then is None:
                return None
            found[path] = opened.module.get_submodule(then)
        except AttributeError:
            return None
    return found


def _short(digest: str) -> str:
    kind, _, number = digest.rpartition(":")
    return f"{kind}{':' if kind else ''}{number[:12]}…"
