"""The picture as PNG, made from the same SVG by resvg: a wheel without system libraries, and one drawing for both.

It takes its letters from the fonts of the machine; where there are none it says so, instead of leaving names out.
"""

from functools import cache

import resvg_py

from graphs_app.engine.errors import EngineError

MOST_PIXELS = 8000
"""Of the longer side; larger graphs are drawn smaller."""
SHARPNESS = 2.0
PROBE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text x="0" y="15" font-size="16">{}</text></svg>'
)


class NoFonts(EngineError):
    """Raised when the machine has no font to write names with."""

    code = "picture_unavailable"
    retryable = False


def png_of(svg: str, width: float, height: float) -> bytes:
    """The picture at twice its size, for sharp screens, or as large as is allowed."""
    if not _has_fonts():
        raise NoFonts("This machine has no fonts, so a PNG would have no names; export SVG, or install a font package.")
    zoom = min(SHARPNESS, MOST_PIXELS / max(width, height))
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom))


@cache
def _has_fonts() -> bool:
    return bytes(resvg_py.svg_to_bytes(svg_string=PROBE.format("M"))) != bytes(
        resvg_py.svg_to_bytes(svg_string=PROBE.format(""))
    )
