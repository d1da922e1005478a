"""Charts: SVG drawn on the server by pygal, and coloured by ``charts.css``, so that they follow the dark mode.

Each comes with its figures as a table: the alternative for whoever does not see the drawing, and for whoever wants the
numbers. Of what pygal makes, only the shapes are kept: its script and its style sheet are taken out, so that a chart
needs no exception in the content security policy, not even when it arrives as a part of a page.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from xml.etree import ElementTree

import pygal
from django.utils import formats
from django.utils.safestring import SafeString, mark_safe
from pygal.style import Style

# pygal puts a finder for its map plugins into every import of the process, in a protocol that Python has given up and
# warns about. We draw no maps.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "PluginImportFixer"]

FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Noto Sans, sans-serif"
WIDTH = 640
COLOUR = re.compile(r"color-\d+")
SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Series:
    name: str
    tone: str  # good, bad, warn, info, calm, mute, faint
    values: list[int]
    running: bool = False  # each value is a level, not an amount: the last one counts, not the sum

    @property
    def total(self) -> int:
        return (self.values[-1] if self.values else 0) if self.running else sum(self.values)


@dataclass(frozen=True)
class Chart:
    """A drawing and what it draws."""

    title: str
    svg: SafeString
    labels: list[str]
    series: list[Series]

    @property
    def empty(self) -> bool:
        return not any(any(series.values) for series in self.series)

    @property
    def rows(self) -> list[tuple[str, list[int]]]:
        """The figures, a row a label; labels without any figure are left out."""
        rows = [(label, [one.values[index] for one in self.series]) for index, label in enumerate(self.labels)]
        return [row for row in rows if any(row[1])]


def stacked_rows(title: str, labels: list[str], series: list[Series]) -> Chart:
    """A lying bar a label, made of the series."""
    chart = pygal.HorizontalStackedBar(**_options(height=50 + 46 * len(labels)), margin_left=8)
    chart.x_labels = list(reversed(labels))
    for one in series:
        chart.add(one.name, list(reversed(one.values)))
    return Chart(title, _svg(chart, title, series), labels, series)


def stacked_days(title: str, days: Sequence[date], series: list[Series]) -> Chart:
    """A standing bar a day, made of the series."""
    chart = pygal.StackedBar(**_options(height=230))
    return _by_day(chart, title, days, series)


def lines(title: str, days: Sequence[date], series: list[Series], width: int = WIDTH) -> Chart:
    """A line a series over days, from zero on. A smaller ``width`` is for charts that stand side by side."""
    chart = pygal.Line(
        **_options(height=230, width=width), show_dots=False, stroke_style={"width": 2}, include_x_axis=True
    )
    return _by_day(chart, title, days, series, names=8 * width // WIDTH)


def bars(title: str, labels: list[str], series: list[Series]) -> Chart:
    """Standing bars side by side, one of each series a label; zero stands for nothing known."""
    chart = pygal.Bar(**_options(height=230))
    chart.x_labels = labels
    chart.x_labels_major = labels[::-1][:: math.ceil(len(labels) / 8)]
    chart.show_minor_x_labels = False
    for one in series:
        chart.add(one.name, one.values)
    return Chart(title, _svg(chart, title, series), labels, series)


def _by_day(chart: Any, title: str, days: Sequence[date], series: list[Series], names: int = 8) -> Chart:
    labels = [formats.date_format(day, "j M") for day in days]
    chart.x_labels = labels
    weeks = math.ceil(len(labels) / 7 / names)  # so that no more days are named than fit
    chart.x_labels_major = labels[::-1][:: 7 * weeks if len(labels) > names else 1]
    chart.show_minor_x_labels = False
    for one in series:
        chart.add(one.name, one.values)
    return Chart(title, _svg(chart, title, series), labels, series)


def _options(*, height: int, width: int = WIDTH) -> dict[str, Any]:
    return {
        "style": Style(label_font_size=12, major_label_font_size=12, font_family=FONT),
        "js": [],
        "show_legend": False,  # ours is text beside the drawing, where it wraps
        "width": width,
        "height": height,
        "margin": 4,
        "margin_right": 20,
        "spacing": 6,
        "show_y_guides": True,
        "truncate_label": -1,
        "max_scale": 5,
        "min_scale": 2,
        "value_formatter": _whole,
        "disable_xml_declaration": True,
    }


def _whole(number: float) -> str:
    """Ticks and values are counts; a tick between two of them has no name."""
    return f"{number:,.0f}" if float(number).is_integer() else ""


def _svg(chart: Any, title: str, series: list[Series]) -> SafeString:
    root: ElementTree.Element = chart.render_tree()
    sums = ", ".join(f"{one.name} {one.total:,}" for one in series if one.total)
    for parent in root.iter():
        for child in list(parent):
            if _unwanted(child, top=parent is root):
                parent.remove(child)
        parent.attrib.pop("style", None)
        parent.set("class", " ".join(_classes(parent.get("class", ""), series)))
    for attribute in ("id", "width", "height"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-label", f"{title}: {sums or 'nothing yet'}")
    # Built by the library from numbers and our own words, and serialised with escaping.
    return mark_safe(ElementTree.tostring(root, encoding="unicode"))  # noqa: S308


def _unwanted(element: ElementTree.Element, *, top: bool) -> bool:
    """Scripts, styles, and what only pygal's script would read."""
    if not isinstance(element.tag, str):  # a comment
        return True
    name = element.tag.removeprefix(SVG)
    return (
        name in {"script", "style", "desc", "defs"}
        or (top and name == "title")
        or "tooltip-overlay" in element.get("class", "")
    )


def _classes(text: str, series: list[Series]) -> list[str]:
    """``color-2`` becomes the tone of the third series."""
    names = [name for name in text.split() if name not in {"tooltip-trigger", "reactive"}]
    return [f"tone-{series[int(name[6:])].tone}" if COLOUR.fullmatch(name) else name for name in names]
