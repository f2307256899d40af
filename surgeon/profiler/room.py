"""Whether a measurement fits into memory, told before anything of its size is allocated.

What a pass allocates is known from shapes; only the copies of the weights and the images come to it. A process that
takes more than there is is killed without a word, and may take others with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

from torch import nn

from surgeon.errors import MeasurementError
from surgeon.profiler.fingerprint.free_memory import available_bytes
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.widths import bytes_in

_FLOAT = 4
_GIB = 2**30
_REFUSALS = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc", "Invalid buffer size")
"""How PyTorch, its backends and C++ say that memory was refused."""
_OVERFLOWS = ("Storage size calculation overflowed", "numel: integer multiplication overflow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a pass takes of the memory of this machine.

    Attributes:
        images: Bytes of the image batch.
        activations: Predicted peak of one pass, 0 where it was not predicted.
        weights: Bytes of every network that is held for it.
    """

    images: int
    activations: int
    weights: int

    @property
    def needed(self) -> int:
        """All together, in bytes."""
        return self.images + self.activations + self.weights

    def lacking(self, settings: ProfileSettings, available: int | None = None) -> str:
        """Why it does not fit, as the end of a sentence; empty where it fits.

        Args:
            settings: Batch and image size.
            available: Bytes that there are, default those of this process.
        """
        available = available_bytes() if available is None else available
        if self.needed <= available:
            return ""
        batch, (height, width) = settings.batch, settings.imgsz
        each = max(1, (self.images + self.activations) // batch)
        most = max(0, available - self.weights) * 4 // 5 // each  # a fifth stays for what backends take inside
        works = f"--batch {1 << (min(most, batch - 1).bit_length() - 1)}" if most and batch > 1 else "a smaller --imgsz"
        return (
            f"a batch of {batch} at {height}x{width} needs at least {_gib(self.needed)} of memory ({_gib(self.images)} "
            f"images, {_gib(self.activations)} activations, {_gib(self.weights)} weights) and {_gib(available)} are "
            f"available; {works} would fit"
        )


def room_of(
    networks: Sequence[nn.Module], peaks: Sequence[int | None], settings: ProfileSettings, channels: int
) -> Room:
    """What measuring networks takes; they are held together and run one after the other.

    Args:
        networks: The networks; each is copied for it.
        peaks: Predicted peak of each in the settings' type, in bytes; None where it is unknown.
        settings: Batch, image size, type and device. Elsewhere than on the CPU only the images pass through here.
        channels: Of the image.
    """
    images = _FLOAT * settings.batch * channels * prod(settings.imgsz)
    if settings.device != "cpu":
        return Room(images=images, activations=0, weights=0)
    weights = sum(p.numel() for network in networks for p in network.parameters())
    return Room(
        images=images,
        activations=max((peak for peak in peaks if peak is not None), default=0),
        weights=bytes_in(settings.dtype, _FLOAT * weights),
    )


@contextmanager
def allocations_refused(name: str, settings: ProfileSettings) -> Iterator[None]:
    """Turn memory that the machine refuses all the same into one sentence.

    Raises:
        MeasurementError: Memory was refused.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_refusal(error):
            raise
        height, width = settings.imgsz
        raise MeasurementError(
            f"{name} does not fit into the memory of {settings.device} with a batch of {settings.batch} at "
            f"{height}x{width}: choose a smaller --batch or --imgsz"
        ) from error


def is_refusal(error: BaseException) -> bool:
    """Whether an error says that memory was refused."""
    text = str(error)
    return isinstance(error, MemoryError) or any(words in text for words in (*_REFUSALS, *_OVERFLOWS))


def _gib(size: int) -> str:
    return f"{size / _GIB:,.2f} GiB"
