"""What was counted, under every convention that people quote, and by module and operator. Torch-free data."""

from __future__ import annotations

from dataclasses import dataclass

Size = tuple[int, int]
"""Image size ``(H, W)`` in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One network's cost under one convention.

    Attributes:
        convention: ``macs`` (the definitions'), ``executed`` (what the operators ran), ``flops`` (2 x macs),
            ``flops+elementwise`` (and the elementwise FLOPs), ``ultralytics`` (what the installed ``model.info()``
            prints), ``thop-full`` (thop's rules at this image size), ``legacy`` (what Ultralytics printed before it
            counted attention).
        fused: Whether of the network with its BatchNorm folded, as deployed.
        batch: Images that it is for; `ultralytics` and `legacy` are of one image by definition.
        value: Operations, in the convention's unit; None where the convention has no figure for the network.
        unit: ``MACs`` or ``FLOPs``.
        measured_at: Image sizes at which the network was run; others than the asked one were extrapolated from.
        note: Why there is no figure, or what else is to be known.
    """

    convention: str
    fused: bool
    batch: int
    value: float | None
    unit: str
    measured_at: tuple[Size, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FusedCounts:
    """What the fused network has, which is timed and deployed.

    Attributes:
        params: Parameters.
        macs: MACs at the settings' batch, as in `Counts`.
        folds: Whether more than BatchNorm was folded or dropped: blocks that become one convolution, a second head.
    """

    params: int
    macs: int
    folds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One summand between two figures.

    Attributes:
        name: What it is (``BatchNorm2d``).
        flops: FLOPs, 2 for a multiply-accumulate; negative where the other convention counts less.
    """

    name: str
    flops: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The exact figure plus the terms is the printed figure, to the last operation.

    Attributes:
        exact_flops: 2 x the exact MACs of one image.
        terms: What the other convention counts more or less, by the kind of module.
        printed_flops: What ``model.info()`` prints.
    """

    exact_flops: int
    terms: tuple[Term, ...]
    printed_flops: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFigures:
    """What runs in one module, its submodules included.

    Attributes:
        path: Module path; ``""`` is the whole network.
        kind: Class name.
        params: Parameters.
        macs, executed: As in `Counts`.
        elementwise_flops: FLOPs of what has no MACs.
        latency_ms: Its time in the deployed network, None where it was not timed or was folded away.
    """

    path: str
    kind: str
    params: int
    macs: int
    executed: int
    elementwise_flops: int
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFigures:
    """All calls of one operator.

    Attributes:
        name: The operator.
        calls: How often it ran.
        executed: MACs.
        elementwise_flops: FLOPs of what has no MACs.
        read_bytes, written_bytes: Bytes moved in float32.
    """

    name: str
    calls: int
    executed: int
    elementwise_flops: int
    read_bytes: int
    written_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """Everything that one network's passes say.

    Attributes:
        figures: Every convention, unfused first.
        reconciliation: Between the exact figure and the printed one; None where nothing is printed.
        modules: In order of the network's tree; the first is the network with the totals.
        operators: The most MACs first.
        elementwise_flops: FLOPs of the whole network's operators without MACs.
    """

    figures: tuple[Figure, ...]
    reconciliation: Reconciliation | None
    modules: tuple[ModuleFigures, ...]
    operators: tuple[OperatorFigures, ...]
    elementwise_flops: int
