"""Hearing what other transactions announced: LISTEN connections that come back by themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any

import psycopg
from django.db import connections
from psycopg import sql

log = logging.getLogger(__name__)

LONGEST_DELAY = 5.0  # seconds between two attempts to reach a database that is away
_DJANGO_ONLY = ("cursor_factory", "context", "server_side_binding", "isolation_level", "assume_role", "pool")


def connection_parameters(alias: str = "default") -> dict[str, Any]:
    """What psycopg needs to open a connection of its own to Django's database ``alias``, in the application's role."""
    parameters = connections[alias].get_connection_params()
    for name in _DJANGO_ONLY:
        parameters.pop(name, None)
    # A peer that vanished without a word is noticed within a minute.
    return {"connect_timeout": 5, "keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3} | parameters


async def notifications(
    channel: str, *, every: float, on_connect: Callable[[], None] = lambda: None
) -> AsyncIterator[str | None]:
    """The payloads announced on ``channel``, for ever.

    None is yielded after every (re)connection, when something may have been missed (``on_connect`` is called before),
    and each ``every`` seconds, when the connection has been tried as well. A database that is away is tried again
    with growing delays.
    """
    delay = 0.1
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(**connection_parameters(), autocommit=True) as connection:
                await connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
                delay = 0.1
                on_connect()
                while True:
                    yield None
                    async for notification in connection.notifies(timeout=every):
                        yield notification.payload
                    await connection.execute("select 1")
        except psycopg.Error as error:
            log.warning(
                "lost the announcements of %s, trying again in %.1f s: %s", channel, delay, type(error).__name__
            )
        await asyncio.sleep(delay)
        delay = min(delay * 2, LONGEST_DELAY)


class Bell:
    """A LISTEN connection for a thread that sleeps until there is work. Not shared between threads."""

    def __init__(self, channel: str) -> None:
        self._connection = psycopg.connect(**connection_parameters(), autocommit=True)
        self._connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))

    def wait(self, timeout: float) -> bool:
        """Sleep until the bell rings, at most ``timeout`` seconds; whether it rang. Rings that came while the thread
        was busy count. Raises psycopg.OperationalError when the connection is lost."""
        rang = False
        for _ in self._connection.notifies(timeout=timeout, stop_after=1):
            rang = True
        return rang

    def __enter__(self) -> Bell:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()
