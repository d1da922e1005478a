"""Rows of a person, streamed, and the calls that erase."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from sayso.shops.personal import Row


def stream(query: str, *parameters: Any) -> Iterator[Row]:
    """The rows of a query, one at a time, through a cursor of the server. Needs a transaction."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, parameters)
        names = [column.name for column in cursor.description] if cursor.description else []
        for row in cursor:
            if not names:
                names = [column.name for column in cursor.description]
            yield dict(zip(names, row, strict=True))


def call(function: str, *parameters: Any) -> int:
    """Call one of the functions in ``sql/`` that answers a number of rows."""
    with connection.cursor() as cursor:
        places = ", ".join(["%s"] * len(parameters))
        cursor.execute(f"select {function}({places})", parameters)
        (count,) = cursor.fetchone()
    return int(count or 0)


def ids(values: Sequence[int]) -> list[int]:
    return list(values)
