"""Meta's error codes: whether to try again, what we call it, and what it means for the contact or the template.

The table is ``errors.csv``; codes after Meta's *Error codes* reference, the classes and our codes are ours.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any


class Retry(StrEnum):
    """When to try again. LATER and BACKOFF hold only where the answer to the call refused the message: a failure
    reported afterwards is final."""

    NO = "no"
    LATER = "later"  # after 15 minutes, 2 hours, 24 hours
    LATER_ONCE = "later_once"
    BACKOFF = "backoff"  # exponential with jitter
    FIX = "fix"  # a person must act; sends of this kind stop


class Effect(StrEnum):
    """What a failure says beyond its message."""

    OPT_OUT = "OPT_OUT"
    UNREACHABLE = "UNREACHABLE"
    HOLD_MARKETING = "HOLD_MARKETING"  # no marketing to this person for 24 hours; no opt-out
    TEMPLATE_MISSING = "TEMPLATE_MISSING"
    TEMPLATE_PAUSED = "TEMPLATE_PAUSED"
    TEMPLATE_DISABLED = "TEMPLATE_DISABLED"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    retry: Retry
    code: str
    effect: Effect | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as Meta told it, with our reading. ``provider_code`` is None where an answer had no code."""

    provider_code: int | None
    title: str
    details: str | None
    rule: Rule

    @property
    def code(self) -> str:
        """Our code (features §9.2)."""
        return self.rule.code

    @property
    def retry(self) -> Retry:
        return self.rule.retry

    @property
    def effect(self) -> Effect | None:
        return self.rule.effect

    @property
    def known(self) -> bool:
        """False for a code that the table lacks: stored with its text, counted, reported."""
        return self.rule is not UNKNOWN


UNKNOWN = Rule(Retry.LATER_ONCE, "MESSAGE_IS_REJECTED", None, "an error we do not know")


@cache
def table() -> dict[str, Rule]:
    """The rows of ``errors.csv`` by their first column, a code or a range ``first-last``."""
    text = resources.files(__package__).joinpath("errors.csv").read_text(encoding="utf-8")
    return {
        row["codes"]: Rule(
            Retry(row["retry"]), row["code"], Effect(row["effect"]) if row["effect"] else None, row["meaning"]
        )
        for row in csv.DictReader(text.splitlines())
    }


@cache
def _ranges() -> list[tuple[range, Rule]]:
    result = []
    for codes, rule in table().items():
        first, _, last = codes.partition("-")
        result.append((range(int(first), int(last or first) + 1), rule))
    return result


@cache
def rule_for(code: int) -> Rule:
    """What the table says of a code; :data:`UNKNOWN` if it says nothing."""
    return next((rule for codes, rule in _ranges() if code in codes), UNKNOWN)


def failure(error: Any) -> Failure:
    """Read one error object, of an answer or of a webhook. Whatever its shape, never raises."""
    if not isinstance(error, dict):
        return Failure(None, str(error)[:500], None, UNKNOWN)
    code = error.get("code")
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 10:
        code = int(code)
    if isinstance(code, bool) or not isinstance(code, int):
        code = None
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else data
    title = error.get("title") or error.get("message") or ""
    return Failure(
        provider_code=code,
        title=str(title)[:500],
        details=str(details)[:2000] if details else None,
        rule=UNKNOWN if code is None else rule_for(code),
    )
