"""Is the process up, and could it serve? For load balancers and supervisors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg

from sayso.events.listen import connection_parameters

from . import stamp
from .process import TooStrong, require_weak_role


def problems() -> list[str]:
    """What keeps this process from serving, in words for an operator; empty if nothing does. Blocks."""
    try:
        with psycopg.connect(**connection_parameters() | {"connect_timeout": 2}, autocommit=True) as connection:
            found = []
            try:
                require_weak_role(connection)
            except TooStrong as error:
                found.append(str(error))
            if not stamp.matches(connection):
                found.append("the database has not been migrated to this version: run ./sayso db migrate")
            return found
    except psycopg.Error as error:
        return [f"the database cannot be reached ({type(error).__name__})"]


async def healthz(scope: Any, receive: Any, send: Any) -> None:
    """200: the process answers. Says nothing about the database, whose absence no restart of ours would mend."""
    await answer(send, 200, {"status": "up"})


async def readyz(scope: Any, receive: Any, send: Any) -> None:
    """200: the database is there, migrated, and we are weak in it; else 503 with the reasons."""
    found = await asyncio.to_thread(problems)
    await answer(send, 503 if found else 200, {"status": "not ready" if found else "ready", "problems": found})


async def answer(send: Any, status: int, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
