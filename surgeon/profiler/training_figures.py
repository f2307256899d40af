"""What training a network needs of memory, predicted by batch size. Torch-free data, and the arithmetic on it."""

from __future__ import annotations

from dataclasses import dataclass

OPTIMIZERS = ("adamw", "sgd", "musgd")
"""Optimizers whose state is known; the first is the default."""

MARGIN = 0.10
"""Part of a budget that stays free: what is not predicted (fragments, library workspaces) has to go somewhere."""

LARGEST_BATCH = 2**20
"""Nobody asks for more; a search for the largest batch ends there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """What is asked of the prediction.

    Attributes:
        budget_bytes: The memory that training has to fit into.
        optimizer: One of `OPTIMIZERS`.
        amp: ``float16`` or ``bfloat16`` for autocast as on CUDA, None for float32 throughout.
    """

    budget_bytes: int
    optimizer: str = OPTIMIZERS[0]
    amp: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchMemory:
    """Memory of one step at one batch size.

    Attributes:
        batch: Images of the step.
        image_bytes: The images, as float32.
        kept_bytes: Activations that autograd keeps between forward and backward.
        peak_bytes: Most bytes that the step itself allocates at once, what is kept included.
    """

    batch: int
    image_bytes: int
    kept_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingMemory:
    """Predicted memory of training: one step of forward, loss, backward and optimizer.

    Attributes:
        imgsz: Image size ``(H, W)`` in pixels.
        optimizer: One of `OPTIMIZERS`.
        amp: ``float16`` or ``bfloat16``, None for float32 throughout.
        loss: What was computed of the outputs, for the reader.
        boxes_per_image: Labels of every image, None for a task without boxes or without a loss.
        parameter_bytes, buffer_bytes: Of the network, in float32 (with AMP too).
        gradient_bytes: One for each trained parameter, there all the time, as where they are accumulated over batches.
        optimizer_bytes: State of the optimizer.
        ema_bytes: The moving average of the network that is trained beside it, 0 where there is none.
        update_bytes: What the optimizer allocates during its own step, when no activations are left.
        points: Steps that were followed, by batch size; between and beyond them the prediction is linear.
        bend: Largest deviation of a point from the line through the two largest, as a part of it.
        trained_params: Parameters that are trained.
        followed_on: ``meta``, or ``cpu`` where the network looks at its data.
        budget_bytes: The memory that it has to fit into, None where none was given.
        margin: Part of the budget that stays free.
        notes: Sentences that the reader needs.
    """

    imgsz: tuple[int, int]
    optimizer: str
    amp: str | None
    loss: str
    boxes_per_image: int | None
    parameter_bytes: int
    buffer_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    ema_bytes: int
    update_bytes: int
    points: tuple[BatchMemory, ...]
    bend: float
    trained_params: int
    followed_on: str = "meta"
    budget_bytes: int | None = None
    margin: float = MARGIN
    notes: tuple[str, ...] = ()

    @property
    def static_bytes(self) -> int:
        """What is there all the time, whatever the batch."""
        network = self.parameter_bytes + self.buffer_bytes
        return network + self.gradient_bytes + self.optimizer_bytes + self.ema_bytes

    def at(self, batch: int) -> BatchMemory:
        """The memory of one step at a batch size."""
        low, high = self._neighbours(batch)
        if low.batch == high.batch:  # one point alone: in proportion
            return BatchMemory(batch=batch, **{name: _scaled(low, name, batch) for name in _PARTS})
        return BatchMemory(batch=batch, **{name: _between(low, high, name, batch) for name in _PARTS})

    def total_bytes(self, batch: int) -> int:
        """Most bytes that training holds at once at a batch size."""
        step = self.at(batch)
        return self.static_bytes + step.image_bytes + max(step.peak_bytes, self.update_bytes)

    def largest_batch(self, budget_bytes: int, margin: float | None = None) -> int:
        """The largest batch that leaves ``margin`` of a budget free; 0 where not even one image fits.

        Args:
            budget_bytes: The memory that there is.
            margin: Part of it that stays free, default `margin`.
        """
        usable = budget_bytes * (1 - (self.margin if margin is None else margin))
        if self.total_bytes(1) > usable:
            return 0
        fits, too_many = 1, 2
        while self.total_bytes(too_many) <= usable and too_many < LARGEST_BATCH:
            fits, too_many = too_many, 2 * too_many
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            fits, too_many = (middle, too_many) if self.total_bytes(middle) <= usable else (fits, middle)
        return fits

    def _neighbours(self, batch: int) -> tuple[BatchMemory, BatchMemory]:
        """The points on both sides of a batch; the two largest for what is beyond them."""
        if len(self.points) == 1:
            return self.points[0], self.points[0]
        at = next((i for i, point in enumerate(self.points) if point.batch >= batch), len(self.points) - 1)
        at = max(at, 1)
        return self.points[at - 1], self.points[at]


_PARTS = ("image_bytes", "kept_bytes", "peak_bytes")


def _between(low: BatchMemory, high: BatchMemory, name: str, batch: int) -> int:
    first, last = getattr(low, name), getattr(high, name)
    slope, rest = (last - first) * (batch - low.batch), high.batch - low.batch
    return max(0, int(first + -(-slope // rest)))


def _scaled(point: BatchMemory, name: str, batch: int) -> int:
    return -(-int(getattr(point, name)) * batch // point.batch)
