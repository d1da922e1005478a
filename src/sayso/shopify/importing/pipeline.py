"""The file of a bulk operation in chunks: the next one is read and decoded while the database applies the last."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from ..connection.tokens import TIMEOUT
from .bulk import lines, objects
from .kinds import Kind

LOOK = 0.2  # seconds between two looks at whether anybody still wants the chunk


@dataclass(slots=True)
class Chunk:
    """Objects of the file, ready to be applied, and how many its kind could not read: the bytes from ``start`` to before
    ``end``."""

    items: list[Any] = field(default_factory=list)
    bad: int = 0
    start: int = 0
    end: int = 0


@contextmanager
def chunks(url: str, kind: Kind, *, offset: int, sandbox: bool) -> Iterator[Iterator[Chunk]]:
    """The chunks of the file from ``offset`` on. Besides those being applied at most two are in memory, whatever the
    size of the file.

    Iterating raises :class:`.bulk.BulkError`.
    """
    waiting: queue.Queue[Chunk | Exception | None] = queue.Queue(maxsize=1)
    stop = threading.Event()

    def hand_over(thing: Chunk | Exception | None) -> None:
        while not stop.is_set():
            try:
                return waiting.put(thing, timeout=LOOK)
            except queue.Full:
                continue

    def read() -> None:
        try:
            with httpx.Client(timeout=TIMEOUT, trust_env=not sandbox) as http:
                for chunk in _read(http, url, kind, offset, sandbox):
                    hand_over(chunk)
                    if stop.is_set():
                        return
            hand_over(None)
        except Exception as error:  # it belongs to whoever iterates
            hand_over(error)

    def arriving() -> Iterator[Chunk]:
        while (thing := waiting.get()) is not None:
            if isinstance(thing, Exception):
                raise thing
            yield thing

    reader = threading.Thread(target=read, name=f"read {kind.name}", daemon=True)
    reader.start()
    try:
        yield arriving()
    finally:
        stop.set()
        reader.join()


def _read(http: httpx.Client, url: str, kind: Kind, offset: int, sandbox: bool) -> Iterator[Chunk]:
    chunk = Chunk(start=offset)
    found = lines(http, url, offset=offset, sandbox=sandbox)
    for end, root in objects(found, kind.decode, kind.decode_child):
        try:
            chunk.items.append(kind.read(root))
        except ValueError:
            chunk.bad += 1
        chunk.end = end
        if len(chunk.items) + chunk.bad >= kind.chunk:
            yield chunk
            chunk = Chunk(start=end)
    if chunk.end:
        yield chunk
