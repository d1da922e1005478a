"""The suite says which probes wait for a room that is not built yet."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    awaiting = sorted(
        {
            (report.nodeid.split("::")[-1].split("[")[0], room)
            for report in terminalreporter.getreports("passed")
            for name, room in report.user_properties
            if name == "awaits"
        }
    )
    if awaiting:
        terminalreporter.section("probes that call the door, and await the end-to-end probe of their room")
        for probe, room in awaiting:
            terminalreporter.line(f"{probe}: {room}")


@pytest.fixture
def awaits(record_property):
    """Note that a part of the probe calls the door in the name of a room to come."""
    return lambda *rooms: [record_property("awaits", room) for room in rooms]
