"""The index of the gallery, docs/blocks.md."""

from __future__ import annotations

from collections.abc import Sequence

from docs.gallery.page import GENERATED, paper
from surgeon.blocks.catalog import BlockInfo

_INTRO = """\
Every block of the catalog, with its formula, a drawing of its graph, what it costs in YOLOv8 and YOLO11, its settings,
and where its authors' code, its paper and the class that is commonly pasted differ. `surgeon blocks` shows the same
catalog in a terminal, `surgeon blocks --kind pooling` a part of it; `surgeon insert --module NAME` plants one."""

_IDLE = """\
Some blocks do nothing, or harm, in the form that is commonly pasted; the page says what it is and what is planted here
instead: HAttention ([`hab`](blocks/hab.md)) returns its input, [`doubleattention`](blocks/doubleattention.md) puts out
the same at every pixel of a single image, the parallel form of [`polarized`](blocks/polarized.md) gates everything by
0.5, one softmax of [`ema`](blocks/ema.md) does not see the image (so too in its authors' code),
[`simam`](blocks/simam.md) becomes a constant in half precision, [`fla`](blocks/fla.md) is put where nothing reads it,
[`msda`](blocks/msda.md) overwrites a map that others read, and [`s2`](blocks/s2.md) smears a row over it. A class of
your own that does nothing is refused by name: [checks](checks.md)."""

_SYMBOLS = """\
| symbol | meaning |
|---|---|
| $x, y$ | input and output maps, $C \\times H \\times W$; $x_i$ is the vector of pixel $i$; $N = H \\cdot W$ |
| $W$ | a linear map of the channels of each pixel: a 1×1 convolution or a linear layer, biases left out |
| $K_{a \\times b}$, $D_{a \\times b}$ | a convolution, a depthwise one: $D^{(r)}$ has dilation $r$, $K^{g=4}$ groups |
| $\\kappa_k \\ast$ | a convolution of length $k$ along the channels |
| $\\sigma$, $\\odot$ | sigmoid; product of each number, repeated over the axes that one side lacks |
| $[a; b]$ | joined along the channels, or split where it stands on the left |
| $\\mathrm{mean}_{H,W}$ | over these axes; likewise max, sum |
| $\\mathrm{softmax}_j$ | over $j$; over $N$, the pixels; over $C$, the channels |
| $\\mathcal{N}_{3 \\times 3}(i)$ | the pixels around $i$, with it |
| $d$ | channels of a head; what is marked "per head" is done for each, and the results joined |
| $v, w, b, \\gamma, \\beta, \\alpha, \\lambda, \\varepsilon$ | learned or fixed factors |
| $R, P, B, \\Pi$ | tables: learned positions, a fixed set of frequencies; $M$ masks what is of another region |
| BN, LN, GN | batch, layer and group normalisation |

In the drawings a blue box is a layer with its name in the block, a yellow one joins several maps, a green one is a
parameter of which a kernel is made. "→" is the shape that comes out where it is another than the one that goes in.
Reshaping, transposing and padding with zeros are left out."""


def index(blocks: Sequence[BlockInfo]) -> str:
    """The table of all blocks, by kind in the order of the catalog.

    Args:
        blocks: What the catalog knows.
    """
    rows = [
        f"| [`{info.name}`](blocks/{info.name}.md) | {info.kind} | {info.summary} | {paper(info)} |"
        for kind in dict.fromkeys(info.kind for info in blocks)
        for info in blocks
        if info.kind == kind
    ]
    table = "\n".join(("| block | kind | what it does | paper |", "|---|---|---|---|", *rows))
    return (
        "\n\n".join(
            (GENERATED, "# The blocks", _INTRO, table, "## Pastes that do nothing", _IDLE, "## Symbols", _SYMBOLS)
        )
        + "\n"
    )
