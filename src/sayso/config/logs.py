"""How the log is written. Errors repeat values, those of the database whole rows, and a log is kept where nobody's erasure
reaches: what is written of an error is its class, its first line without anything that could name a person, and its way."""

from __future__ import annotations

import logging
import traceback
from types import TracebackType

from sayso.intake.failure import describe


class Line(logging.Formatter):
    """One line, and under it the errors that led there, each with its frames."""

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        told = []
        error = ei[1]
        while error is not None:
            told.append("".join([*traceback.format_tb(error.__traceback__), describe(error)]))
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\nwhich led to\n".join(reversed(told))
