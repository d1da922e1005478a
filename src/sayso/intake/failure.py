"""What becomes of a delivery that failed: when it is tried again, and what may be written about it."""

from __future__ import annotations

import random
import re
import traceback
from pathlib import Path

from sayso import __file__ as package

TRIES = 12
FIRST_DELAY = 10.0  # seconds
GROWTH = 2.34  # eleven delays of 10 s × 2.34^n add up to 24 hours
JITTER = 0.2  # of the delay, so that what failed together does not return together
LONGEST_WAIT = 3600.0  # seconds, for a delivery that waits for another

_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|“[^”]*”""")
_PERSONAL = (
    (re.compile(r"[^\s@'\"<>]+@[^\s@'\"<>]+"), "[e-mail]"),
    (_QUOTED, "[…]"),
    (re.compile(r"\+?\d[\d\s().-]{5,}\d"), "[number]"),
)


def retry_delay(attempts: int) -> float | None:
    """Seconds until the next try after the ``attempts``-th failed; None when it was the last."""
    if attempts >= TRIES:
        return None
    return _jittered(FIRST_DELAY * GROWTH ** (attempts - 1))


def waiting_delay(attempts: int) -> float:
    """Seconds until a delivery that waits for another is tried again: soon at first, for it usually comes at once."""
    return _jittered(min(LONGEST_WAIT, 2.0 ** min(attempts - 1, 20)))


def _jittered(delay: float) -> float:
    return delay * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (not a secret)


def describe(error: BaseException) -> str:
    """Class, message and place of an error, with nothing in it that could name a person: no quoted text, address or
    long number. The detail lines of the database, which repeat values, are left out."""
    lines = str(error).splitlines()
    message = lines[0] if lines else ""
    names_a_key = isinstance(error, (KeyError, AttributeError))
    for pattern, replacement in _PERSONAL:
        if not (names_a_key and pattern is _QUOTED):
            message = pattern.sub(replacement, message)
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return f"{text[:400]}{_place(error)}"


def _place(error: BaseException) -> str:
    """Where in our own code it was raised."""
    home = Path(package).parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(home):
            return f" ({Path(frame.filename).relative_to(home)}:{frame.lineno})"
    return ""
