"""The picture as PNG, made from the same SVG by resvg: a wheel without system libraries, and one drawing for both.

Its letters come from the fonts beside this module and never from the machine's: the picture is the same everywhere.
"""

from pathlib import Path

import resvg_py

MOST_PIXELS = 8000
"""Of the longer side; larger graphs are drawn smaller."""
SHARPNESS = 2.0
FONTS = Path(__file__).with_name("fonts")
FAMILY = "DejaVu Sans"


def png_of(svg: str, width: float, height: float) -> bytes:
    """The picture at twice its size, for sharp screens, or as large as is allowed."""
    zoom = min(SHARPNESS, MOST_PIXELS / max(width, height))
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            zoom=zoom,
            skip_system_fonts=True,
            font_files=[str(file) for file in sorted(FONTS.glob("*.ttf"))],
            font_family=FAMILY,
            sans_serif_family=FAMILY,
        )
    )
