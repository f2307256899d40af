"""Text that LaTeX prints as it is, whatever signs it holds, with pdflatex's own fonts."""

from __future__ import annotations

import unicodedata

_SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\rightarrow$",
    "▸": r"$\triangleright$",
    "²": r"$^2$",
    "µ": r"$\mu$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
}
_LATIN = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ")


def escape(text: str) -> str:
    """Text for LaTeX; what pdflatex's default fonts lack loses its accents, or becomes a question mark."""
    written = ""
    for sign in map(_sign, " ".join(text.split())):
        # LaTeX would join --imgsz's hyphens to a dash.
        written += f"{{}}{sign}" if sign.startswith("-") and written.endswith("-") else sign
    return written


def _sign(sign: str) -> str:
    if sign in _SIGNS:
        return _SIGNS[sign]
    if (sign.isascii() and sign.isprintable()) or sign in _LATIN:
        return sign
    plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return "".join(_SIGNS.get(one, one) for one in plain if one.isprintable()) or "?"
