"""Charts: only shapes, coloured by class, with a name and figures."""

from __future__ import annotations

from datetime import date, timedelta
from xml.etree import ElementTree

import pytest

from sayso.ui import charts
from sayso.ui.charts import Series

DAYS = [date(2026, 1, 1) + timedelta(days=index) for index in range(30)]
SERIES = [Series("Opt-ins <b>", "good", list(range(30))), Series("Opt-outs", "bad", [1] * 30)]


@pytest.mark.parametrize(
    "chart",
    [
        charts.stacked_rows("By channel", ["WhatsApp", "SMS"], [Series("Yes", "good", [3, 4])]),
        charts.stacked_days("Messages", DAYS, SERIES),
        charts.lines("Flow", DAYS, SERIES),
    ],
    ids=lambda chart: chart.title,
)
def test_only_shapes_are_left(chart: charts.Chart) -> None:
    root = ElementTree.fromstring(chart.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label").startswith(chart.title)
    for element in root.iter():
        assert element.tag.split("}")[1] not in {"script", "style", "desc"}
        assert "style" not in element.attrib
    assert "tone-good" in chart.svg
    assert "<b>" not in chart.svg


def test_days_without_figures_are_not_in_the_table() -> None:
    chart = charts.stacked_days("Messages", DAYS, [Series("Sent", "good", [0] * 29 + [5])])
    assert chart.rows == [("30 Jan", [5])]


def test_a_chart_of_nothing_is_empty() -> None:
    assert charts.lines("Flow", DAYS, [Series("Opt-ins", "good", [0] * 30)]).empty
