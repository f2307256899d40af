"""What is known of a block without building it: torch-free data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockCost:
    """Closed-form cost of a block at one input size, batch 1.

    Attributes:
        params: Parameters (without the identity gate).
        macs: MACs of the definition's convolutions, linear layers and matrix products.
        elementwise_macs: Work of the definition that no matmul shows, by name (ACmix: ``neighbourhood attention``).
        executed: MACs that our form runs in evaluation, where that is known to be less; None where it is ``macs`` or
            is left to the counter.
    """

    params: int
    macs: int
    elementwise_macs: Mapping[str, int] = field(default_factory=dict)
    executed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Settings that fit a width.

    Attributes:
        settings: Every constructor argument, defaults included.
        notes: One sentence for each default that had to be adapted to the width.
    """

    settings: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockInfo:
    """One block that can be planted.

    Attributes:
        name: What users type (``gam``).
        title: Display name (``GAM``).
        kind: ``attention``, ``pooling``, ``upsampling``, ``convolution`` or ``head``.
        factory: Where the class is: ``surgeon.blocks.gam:GAM``. It is called as
            ``Class(in_channels, out_channels, **settings)``.
        summary: One line.
        paper: Title and arXiv number.
        year: Year of the paper.
        source: Repository whose definition is followed.
        changes_channels: Whether out_channels may differ from in_channels.
        defaults: Constructor settings and their defaults. ``stride``, and ``scale`` of an upsampling block, are how it
            changes the resolution: an edit sets them to what the place asks for.
        options: One line of help a setting, with the values that it takes.
        constraints: What the settings must satisfy, for the reader (``heads divides C``).
        aliases: Other names users type.
        differences: One paragraph: where official code, paper and the common paste differ, and which is followed.
        examples: Settings beyond the defaults under which every promise is tested too: each variant, each branch.
        zero_gradients: Parameters whose gradient is zero in theory (a bias before a BatchNorm, a key's bias in a
            softmax).
        like_convolution: Settings that a block in the place of a convolution takes from it unless the user sets them:
            ``kernel_size``, ``dilation``, ``groups``, ``activation``.
        takes_list: Whether it reads several feature maps as a list, as Concat does: its widths in are a list then, and
            it can only stand in for a row that reads several.
        formula: What it computes by default, in LaTeX: the lines of an ``aligned`` environment.
        resolve: ``resolve(in_channels, out_channels, settings)``: settings that fit, or BlockError naming the values
            that would work. Only explicit values are refused; defaults adapt and say so.
        cost: ``cost(in_channels, out_channels, height, width, settings)``, closed form.
    """

    name: str
    title: str
    kind: str
    factory: str
    summary: str
    paper: str
    year: int
    source: str
    changes_channels: bool
    defaults: Mapping[str, Any]
    options: Mapping[str, str]
    constraints: str
    resolve: Callable[[int, int, Mapping[str, Any]], Resolved]
    cost: Callable[[int, int, int, int, Mapping[str, Any]], BlockCost]
    formula: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    like_convolution: tuple[str, ...] = ()
    takes_list: bool = False
    differences: str = ""
    examples: tuple[Mapping[str, Any], ...] = ()
    zero_gradients: tuple[str, ...] = ()

    @property
    def keeps_shape(self) -> bool:
        """Whether the output always has the shape of the input."""
        return not self.changes_channels and not self.takes_list and not {"stride", "scale"} & set(self.defaults)

    def output_size(self, height: int, width: int, settings: Mapping[str, Any]) -> tuple[int, int]:
        """Height and width of the output for an input of ``height`` x ``width`` pixels.

        Args:
            height: Of the input.
            width: Of the input.
            settings: Every setting with its value; ``stride`` and ``scale`` count.
        """
        stride, scale = settings.get("stride", 1), settings.get("scale", 1)
        return ((height - 1) // stride + 1) * scale, ((width - 1) // stride + 1) * scale
