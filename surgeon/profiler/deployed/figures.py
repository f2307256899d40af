"""What was found of deployed networks. Torch-free data."""

from __future__ import annotations

from dataclasses import dataclass

from surgeon.profiler.fingerprint.data import Environment
from surgeon.profiler.results import SCHEMA_VERSION, Latency, PairedLatency
from surgeon.profiler.settings import ProfileSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedModel:
    """One ONNX graph in a session.

    Attributes:
        name: Display name.
        source: Path or YAML name that it came from.
        sha256: Hash of that file, None without one.
        exported: Whether surgeon exported it; else it was given as ONNX.
        file_bytes: Size of the ``.onnx`` file.
        build_s: Seconds of the export, if any, and of opening the session.
        latency: Its times, None where timing was interrupted before.
    """

    name: str
    source: str
    sha256: str | None
    exported: bool
    file_bytes: int
    build_s: float
    latency: Latency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedComparison:
    """Deployed networks against the first of them.

    Attributes:
        models: Baseline first.
        paired: One a candidate.
        settings: Image size, batch, threads, budget and precision.
        environment: Machine and software.
        seed: Of the order of the runs.
        command: What reproduces it on a command line.
    """

    models: tuple[DeployedModel, ...]
    paired: tuple[PairedLatency, ...]
    settings: ProfileSettings
    environment: Environment
    seed: int = 0
    command: str | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def interrupted(self) -> bool:
        """Whether timing was cut short by the user."""
        return any(one.stopped_by == "interrupt" for one in self.paired)
