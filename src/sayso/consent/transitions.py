"""The transition table (features §6.4), read from ``transitions.csv``: the one place where it is written.

The database gets it at every migrate and decides from it; tests and documentation read it through here. A cell says

    >STATE      accepted, the contact moves to STATE          >F   accepted, to whatever the fold then gives
    =           accepted, nothing changes, evidence is kept
    !CODE       refused, for the reason CODE

and may be bound to a guard: ``>STATE if guard else !CODE``. ``effect`` names which of the newest times the event moves.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path

from .events import State

GUARDS = {
    "newer": "it is newer than any opt-out",
    "weak": "the state rests on a weak opt-in alone",
    "usable": "the address is usable",
    "not_before_pending": "it is not older than the unconfirmed opt-in",
    "not_before_opt_in": "it is not older than the completed opt-in",
    "not_before_either": "it is not older than any opt-in",
    "unexpired": "the request to confirm is not older than seven days",
    "inferred": "the basis is INFERRED",
}

CELL = re.compile(r"(?P<then>\S+)(?: if (?P<guard>\w+) else (?P<otherwise>\S+))?")
OUTCOMES = {">": "ACCEPTED", "=": "NO_CHANGE", "!": "REFUSED"}


@dataclass(frozen=True)
class Cell:
    """One (event, state) of the table, in the order of the columns of ``consent_transition``."""

    event: str
    effect: str
    basis: str | None
    from_state: str
    guard: str
    outcome: str
    to_state: str | None
    code: str | None
    else_outcome: str | None
    else_code: str | None

    def row(self) -> tuple[str | None, ...]:
        return astuple(self)


def _verdict(text: str | None) -> tuple[str | None, str | None, str | None]:
    """(outcome, state, code) of one side of a cell; raises KeyError or ValueError on what the grammar does not know."""
    if text is None:
        return None, None, None
    outcome, rest = OUTCOMES[text[0]], text[1:]
    state = State(rest).value if outcome == "ACCEPTED" and rest != "F" else None
    return outcome, state, rest if outcome == "REFUSED" else None


@lru_cache
def cells() -> tuple[Cell, ...]:
    """All cells; raises ValueError where the file has a hole or a word the grammar does not know."""
    return tuple(_cells())


def _cells() -> Iterator[Cell]:
    with (Path(__file__).parent / "transitions.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            for state in State:
                match = CELL.fullmatch(row[state] or "")
                if not match or (match["guard"] or "newer") not in GUARDS:
                    raise ValueError(f"transitions.csv: {row['event']} × {state}: cannot read {row[state]!r}")
                outcome, to_state, code = _verdict(match["then"])
                else_outcome, _, else_code = _verdict(match["otherwise"])
                assert outcome
                yield Cell(
                    row["event"], row["effect"], row["basis"] or None, state.value, match["guard"] or "", outcome,
                    to_state, code, else_outcome, else_code,
                )  # fmt: skip


@lru_cache
def events() -> frozenset[str]:
    """Every event the table knows."""
    return frozenset(cell.event for cell in cells())


@lru_cache
def effect_of(event: str) -> str:
    return next(cell.effect for cell in cells() if cell.event == event)
