"""The shop's colour on its public pages, made legible whatever it is.

A style sheet a colour, at an address of its own: the policy of the pages allows no inline style. Contrast is that of
WCAG 2.2 (1.4.3, 4.5 to 1 for text): the colour is darkened, or lightened in dark mode, until it is reached.
"""

from __future__ import annotations

import colorsys
import re

COLOUR = re.compile(r"[0-9a-f]{6}")
ENOUGH = 4.5
LIGHT_SURFACE, DARK_SURFACE = "ffffff", "1c211f"
WHITE, BLACK = "ffffff", "101413"
STEPS = 100


def sheet(colour: str) -> str:
    """Style rules for a colour of six lower-case hexadecimal digits; raises ValueError for anything else."""
    if not COLOUR.fullmatch(colour):
        raise ValueError(f"no colour: {colour!r}")
    light, dark = legible(colour, LIGHT_SURFACE), legible(colour, DARK_SURFACE)
    return (
        f":root {{ {_rules(light, LIGHT_SURFACE)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_rules(dark, DARK_SURFACE)} }} }}\n"
    )


def _rules(colour: str, surface: str) -> str:
    away = -1 if surface == LIGHT_SURFACE else 1
    return (
        f"--accent: #{colour}; --accent-ink: #{ink_on(colour)}; --accent-hover: #{_lighter(colour, away * 0.06)};"
        f" --link: #{colour};"
    )


def legible(colour: str, surface: str) -> str:
    """The nearest lightness of the colour that text can have on ``surface``, and that text can stand on."""
    away = -1 if luminance(surface) > 0.5 else 1
    for step in range(STEPS + 1):
        tried = _lighter(colour, away * step / STEPS)
        if contrast(tried, surface) >= ENOUGH and contrast(tried, ink_on(tried)) >= ENOUGH:
            return tried
    return BLACK if away < 0 else WHITE


def ink_on(colour: str) -> str:
    return max((WHITE, BLACK), key=lambda ink: contrast(colour, ink))


def contrast(one: str, other: str) -> float:
    """WCAG's ratio, 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """WCAG's relative luminance, 0 to 1."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parts(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def _lighter(colour: str, by: float) -> str:
    """The colour with its lightness (HLS) moved by -1 to 1."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_parts(colour))
    moved = colorsys.hls_to_rgb(hue, min(1.0, max(0.0, lightness + by)), saturation)
    return "".join(f"{round(part * 255):02x}" for part in moved)
