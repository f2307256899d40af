"""The library as a notebook user writes it: ``surgeon.open("yolov8n.yaml").insert("gam", after="backbone.9")``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surgeon import workflows
from surgeon.arguments import edge_of, recipes_of, size
from surgeon.profiler.settings import ProfileSettings
from surgeon.report.progress import showing
from surgeon.shown import ShownComparison, ShownDiff, ShownEdit, ShownGraph, ShownProfile, shown
from surgeon.surgery.recipe import Insert, Recipe, Remove, Replace

if TYPE_CHECKING:
    from torch import nn

    from surgeon.graph.modules import ModuleTree
    from surgeon.models.opened import OpenedModel
    from surgeon.surgery.plan import SurgeryPlan


class Model:
    """A network that can be read, edited, measured and saved. Edits return a new `Model`; this one never changes.

    Attributes:
        module: The live network.
        result: The edit that produced it (`surgeon.workflows.SurgeryResult`), None for a model as opened.
    """

    def __init__(self, opened: OpenedModel, result: workflows.SurgeryResult | None = None) -> None:
        self._opened = opened
        self.result = result

    @property
    def name(self) -> str:
        """Display name (``yolov8n-gam``)."""
        return self._opened.name

    @property
    def module(self) -> nn.Module:
        """The live network."""
        return self._opened.module

    @property
    def opened(self) -> OpenedModel:
        """The network with its origin, as `surgeon.workflows` takes it."""
        return self._opened

    @property
    def report(self) -> ShownEdit | None:
        """What the edit that made it did, able to show itself; None for a model as opened."""
        return None if self.result is None else shown(ShownEdit, workflows.report_of(self.result))

    def tree(self, imgsz: int | str | Sequence[int] = 640) -> ShownGraph:
        """Every addressable site with its shape at an image size, side or ``(H, W)``."""
        return shown(ShownGraph, workflows.tree(self._opened, size(imgsz)))

    def modules(self, imgsz: int | str | Sequence[int] = 640) -> ModuleTree:
        """Every module inside the rows, with its shapes at an image size: the sites of grafts."""
        return workflows.modules(self._opened, size(imgsz))

    def insert(
        self,
        module: str,
        *,
        after: str | int | None = None,
        before: str | int | None = None,
        edge: Sequence[str | int] | None = None,
        inside: str | None = None,
        start: str = "identity",
        mode: str = "auto",
        settings: Mapping[str, Any] | None = None,
        force: bool = False,
        checks: str = "fast",
        progress: bool | None = None,
        **more_settings: Any,
    ) -> Model:
        """Plant a block.

        Args:
            module: A name of `surgeon.blocks.names`, or ``package.module:Class`` for your own.
            after: Every consumer of this site reads the block instead.
            before: Only what this site reads changes.
            edge: Producer and consumer, ``(9, 21)``: only the connection between them changes.
            inside: In every module of this kind, where the literature puts it.
            start: ``identity`` (the output stays the same until training opens the block) or ``paper``.
            mode: ``row`` (the block becomes a row), ``graft`` (no row moves), or ``auto``: rows where there are some.
            settings: Constructor settings of the block.
            force: Edit a checkpoint that does not match its own yaml.
            checks: ``fast``, or ``full``: with larger sizes, training mode, undo, a fresh process, fusion and ONNX.
            progress: Whether to show how far it is on stderr; by default on a terminal and in a notebook.
            **more_settings: The same as keywords: ``insert("gam", after=9, rate=8)``.

        Raises:
            InputError: The edit is impossible; the message says what would work.
            CheckError: The edited network broke a promise.
        """
        edit = Insert(
            module=str(module),
            after=None if after is None else str(after),
            before=None if before is None else str(before),
            edge=edge_of(edge),
            inside=inside,
            settings={**(settings or {}), **more_settings},
            start=start,
        )
        return self.apply(Recipe(edits=(edit,), mode=mode), force=force, checks=checks, progress=progress)

    def replace(
        self,
        at: str | int,
        module: str,
        *,
        adapt: bool = False,
        mode: str = "auto",
        settings: Mapping[str, Any] | None = None,
        force: bool = False,
        checks: str = "fast",
        progress: bool | None = None,
        **more_settings: Any,
    ) -> Model:
        """Put a block in the place of a row; other arguments and errors are those of `insert`.

        Args:
            at: The row.
            module: What stands in for it.
            adapt: Let a 1x1 convolution change the width beside a block that cannot; the plan's notes name it.
            mode: As for `insert`.
            settings: As for `insert`.
            force: As for `insert`.
            checks: As for `insert`.
            progress: As for `insert`.
            **more_settings: As for `insert`.
        """
        edit = Replace(module=str(module), at=str(at), settings={**(settings or {}), **more_settings})
        recipe = Recipe(edits=(edit,), mode=mode, adapt=adapt)
        return self.apply(recipe, force=force, checks=checks, progress=progress)

    def remove(
        self,
        at: str | int,
        *,
        adapt: bool = False,
        mode: str = "auto",
        force: bool = False,
        checks: str = "fast",
        progress: bool | None = None,
    ) -> Model:
        """Take a row out; `adapt` lets a 1x1 convolution take its place where it changes the width."""
        recipe = Recipe(edits=(Remove(at=str(at)),), mode=mode, adapt=adapt)
        return self.apply(recipe, force=force, checks=checks, progress=progress)

    def apply(
        self,
        recipe: Recipe | Sequence[Recipe] | str | Path,
        *,
        force: bool = False,
        checks: str = "fast",
        trust_modules: Sequence[str] = (),
        progress: bool | None = None,
    ) -> Model:
        """Carry out a recipe, a recipe file, or several recipes one after the other.

        Args:
            recipe: The edits, or the path of a file that holds them.
            force: Edit a checkpoint that does not match its own yaml.
            checks: As for `insert`.
            trust_modules: Packages whose classes a recipe file may plant; they are imported.
            progress: As for `insert`.

        Raises:
            InputError: The edit is impossible, or the file names code that nobody vouched for.
            CheckError: The edited network broke a promise.
        """
        recipes = recipes_of(recipe, trust_modules)
        with showing(progress):
            result = workflows.edit(self._opened, recipes, force=force, checks=checks)
        return Model(result.after, result)

    def plan(
        self,
        recipe: Recipe | Sequence[Recipe] | str | Path,
        *,
        force: bool = False,
        trust_modules: Sequence[str] = (),
    ) -> SurgeryPlan:
        """What `apply` would do, without doing it; of several recipes all but the last are carried out on copies."""
        chosen = recipes_of(recipe, trust_modules, planning=True)
        return workflows.plan(self._opened, chosen, force=force)

    def recipe(self) -> tuple[Recipe, ...]:
        """The recipes of the edits that the model records: applied one after the other they make it again.

        Raises:
            PlanError: It records none.
        """
        return workflows.recipes(self._opened)

    def undo(self, steps: int | None = 1, *, source: Any = None, trust_modules: Sequence[str] = ()) -> Model:
        """Take the last recorded edits back.

        What was not trained equals the model before them byte for byte, tensors and ``model.yaml``; of what was, the
        blocks go and the trained weights stay. `surgeon.workflows.undo` tells which of the two it is.

        Args:
            steps: How many edits; None for all that are recorded.
            source: The model before the edit, or its path, where an edit dropped tensors and the file is not beside
                the model or in the working directory.
            trust_modules: Packages whose classes the source may use.

        Raises:
            InputError: There are fewer edits, or the source is needed and missing or another.
        """
        given = source.opened if isinstance(source, Model) else source
        known = () if self.result is None else (self.result.before,)
        done = workflows.undo(self._opened, steps=steps, source=given, known=known, trust_modules=trust_modules)
        return Model(done.after)

    def diff(self, other: Any, imgsz: int | str | Sequence[int] = 640) -> ShownDiff:
        """How another model differs from this one: rows, tensors, yaml, figures; nothing is timed.

        Args:
            other: Anything `surgeon.open` takes.
            imgsz: Image side or ``(H, W)`` in pixels at which shapes and MACs are taken.
        """
        return shown(ShownDiff, workflows.diff(self._opened, open_model(other).opened, size(imgsz)))

    def profile(
        self, imgsz: int | str | Sequence[int] = 640, *, progress: bool | None = None, **settings: Any
    ) -> ShownProfile:
        """Measure parameters, MACs, latency and memory.

        Args:
            imgsz: Image side or ``(H, W)`` in pixels.
            progress: Whether to show how far it is on stderr; by default on a terminal and in a notebook.
            **settings: Further fields of `surgeon.ProfileSettings` (``batch``, ``device``, ``dtype``, ``latency`` …).
        """
        with showing(progress):
            return shown(ShownProfile, workflows.profile(self._opened, ProfileSettings(imgsz=size(imgsz), **settings)))

    def save(self, path: str | Path | None = None, *, force: bool = False) -> Path:
        """Write the ``.pt`` and the ``.yaml`` beside it; returns the ``.pt``.

        Raises:
            OutputError: A file exists and `force` is not given, or it is the source.
        """
        return workflows.save(self._opened, path, force=force)[0]

    def __repr__(self) -> str:
        """Name, task and origin."""
        return f"<surgeon.Model {self.name} ({self._opened.task}) from {self._opened.source}>"


def open_model(source: Any, *, trust: bool = False, trust_modules: Sequence[str] = ()) -> Model:
    """Open a model.

    Args:
        source: A YAML name that ships with Ultralytics, a path to a ``.yaml`` or ``.pt``, a live ``ultralytics.YOLO``
            or the ``nn.Module`` inside one.
        trust: Read a ``.pt`` with full unpickling, which runs whatever code it names.
        trust_modules: Packages whose classes a ``.pt`` may use.

    Raises:
        InputError: It cannot be opened; the message says why.
    """
    if isinstance(source, Model):
        return source
    return Model(workflows.open_model(source, trust=trust, trust_modules=trust_modules))


def compare(
    *models: Any, imgsz: int | str | Sequence[int] = 640, progress: bool | None = None, **settings: Any
) -> ShownComparison:
    """Measure a baseline and candidates under equal settings; latency is timed in pairs.

    Args:
        *models: Anything `surgeon.open` takes, the baseline first.
        imgsz: Image side or ``(H, W)`` in pixels.
        progress: Whether to show how far it is on stderr; by default on a terminal and in a notebook.
        **settings: Further fields of `surgeon.ProfileSettings`.
    """
    opened = [open_model(model) for model in models]
    chosen = ProfileSettings(imgsz=size(imgsz), **settings)
    with showing(progress):
        if len(opened) == 2 and opened[1].result is not None and opened[1].result.before is opened[0].opened:
            return shown(ShownComparison, workflows.compare_edit(opened[1].result, chosen))
        return shown(ShownComparison, workflows.compare([model.opened for model in opened], chosen))
