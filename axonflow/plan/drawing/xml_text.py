"""Text and numbers within SVG, and the colours of a picture in the light and in the dark."""

from __future__ import annotations

from html import escape
from typing import Final

from axonflow.plan.drawing.scene import COLOURS

__all__ = ["STYLE", "cut", "number", "svg_document", "xml_text"]

_STATES: Final = "".join(
    f".{state} .box{{stroke:{colour}}}.{state} .bar{{fill:{colour}}}" for state, colour in COLOURS.items()
)
STYLE: Final = (
    "svg{background:#fff;font:12px ui-sans-serif,system-ui,sans-serif}"
    "text{fill:#1b1b1b}.small{fill:#666;font-size:10px}"
    ".box{fill:#fff;stroke:#1b1b1b}.ran .box{stroke-width:2.5}"
    ".arrow{fill:none;stroke:#777}.order{stroke-dasharray:4 3}.chosen{stroke-width:2}.tip{fill:#777}"
    ".bar{fill:#777;fill-opacity:.6}.tick{stroke:#777;stroke-opacity:.3}"
    ".critical .bar{fill-opacity:1;stroke:#1b1b1b;stroke-width:1.5}.critical .name{font-weight:bold}"
    ".joint{fill:none;stroke:#1b1b1b;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){svg{background:#161616}text{fill:#ececec}.small{fill:#a5a5a5}"
    ".box{fill:#161616;stroke:#ececec}.critical .bar,.joint{stroke:#ececec}}" + _STATES
)
"""A picture follows what whoever looks at it prefers; it has no script and asks for nothing from elsewhere."""


def xml_text(text: str) -> str:
    """`text` as XML: what is no character of it (https://www.w3.org/TR/xml/#charsets) becomes a question mark."""
    return escape(text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text))


def cut(text: str, max_chars: int) -> str:
    """`text`, or its beginning with an ellipsis."""
    return text if len(text) <= max_chars else f"{text[: max_chars - 1]}\u2026"


def number(value: float) -> str:
    """A coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")


def svg_document(title: str, width: float, height: float, parts: list[str]) -> str:
    """The SVG of `parts`; `title` is what a screen reader says."""
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<title>{xml_text(title)}</title>'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])
