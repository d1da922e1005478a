"""Chunks of a file applied by two connections abreast, and committed in the order of the file.

One connection waits for the other core half of the time. Each chunk is a transaction of its own, which holds its commit
back until every chunk before it is committed: so the offset that is stored with it never passes over anything, and a
process may die at any instant.

Two transactions that hold each other's rows are sorted out in favour of the earlier chunk: the later one is rolled back
and repeated alone, when its turn has come. PostgreSQL sees this only where both wait in the database; one that waits
for its turn looks now and then whether it is in the way.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

from django.db import IntegrityError, OperationalError, connection, connections

from ..conflicts import is_conflict

LOOK = 0.1  # seconds between two looks at whether somebody waits for us

T = TypeVar("T")


class InTheWay(Exception):
    """An earlier chunk waits for rows that this one holds."""


class Abandoned(Exception):
    """An earlier chunk failed, so this one may not be committed."""


@dataclass(slots=True)
class Turns:
    """Whose turn it is to commit: chunk ``done + 1``. Chunks are numbered from 1."""

    done: int = 0
    failed: int | None = None
    backends: dict[int, int] = field(default_factory=dict)  # chunk → process id of its connection
    changed: threading.Condition = field(default_factory=threading.Condition)

    def begin(self, number: int) -> None:
        """Chunk ``number`` is being applied by the calling thread's connection."""
        connection.ensure_connection()
        with self.changed:
            self.backends[number] = connection.connection.info.backend_pid

    def end(self, number: int) -> None:
        """Chunk ``number`` is committed."""
        with self.changed:
            self.done = number
            del self.backends[number]
            self.changed.notify_all()

    def fail(self, number: int) -> None:
        """Chunk ``number`` will not be committed, nor any after it."""
        with self.changed:
            self.failed = min(number, self.failed or number)
            self.backends.pop(number, None)
            self.changed.notify_all()

    def wait(self, number: int) -> None:
        """Return when it is the turn of chunk ``number``. Raises :class:`Abandoned`, and within a transaction
        :class:`InTheWay`."""
        while not self._come(number):
            if connection.in_atomic_block:
                with self.changed:
                    earlier = [backend for other, backend in self.backends.items() if other < number]
                if _hold_up(earlier):
                    raise InTheWay(f"chunk {number} holds rows that an earlier one needs")

    def _come(self, number: int) -> bool:
        with self.changed:
            self.changed.wait_for(lambda: self.done >= number - 1 or self._failed_before(number), LOOK)
            if self._failed_before(number):
                raise Abandoned(f"chunk {number} comes after one that failed")
            return self.done >= number - 1

    def _failed_before(self, number: int) -> bool:
        return self.failed is not None and self.failed < number


def _hold_up(backends: list[int]) -> bool:
    """Whether one of ``backends`` waits for this connection, directly or through others."""
    with connection.cursor() as cursor:
        cursor.execute(
            """with recursive held_up(pid) as (
                select unnest(%s::int[]) union select unnest(pg_blocking_pids(pid)) from held_up
            ) select exists (select from held_up where pid = pg_backend_pid())""",
            [backends],
        )
        return bool(cursor.fetchone()[0])


def in_turn(turns: Turns, number: int, attempt: Callable[[], None], repeat: Callable[[], None]) -> None:
    """Apply chunk ``number`` beside others with ``attempt``; where they meet, again with ``repeat`` in its turn.

    Both are a whole transaction that calls :meth:`Turns.wait` before its end.
    """
    turns.begin(number)
    try:
        attempt()
    except InTheWay:
        turns.wait(number)
        repeat()
    except (OperationalError, IntegrityError) as error:
        if not is_conflict(error):
            raise
        turns.wait(number)
        repeat()
    turns.end(number)


def apply_abreast(
    arriving: Iterable[T], work: Callable[[Turns, int, T], None], after: Callable[[int], None], *, abreast: int
) -> None:
    """Hand the chunks to ``abreast`` threads, each with a connection of its own.

    ``work`` gets the turns, the number of the chunk and the chunk, and uses :func:`in_turn`; ``after`` is called here
    with each number, in order, once it is committed. Raises what the first chunk that failed raised, and what
    ``arriving`` and ``after`` raise, when the chunks under way are committed or rolled back.
    """
    turns = Turns()
    waiting: queue.SimpleQueue[tuple[int, T, Future[None]] | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            while (given := waiting.get()) is not None:
                number, chunk, outcome = given
                try:
                    work(turns, number, chunk)
                except BaseException as error:  # it belongs to whoever handed the chunk over
                    turns.fail(number)
                    outcome.set_exception(error)
                else:
                    outcome.set_result(None)
                del given, chunk  # memory: the next one is waited for
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, name=f"apply {number}", daemon=True) for number in range(abreast)]
    for thread in threads:
        thread.start()
    under_way: deque[tuple[int, Future[None]]] = deque()

    def take() -> None:
        number, outcome = under_way.popleft()
        outcome.result()
        after(number)

    try:
        for number, chunk in enumerate(arriving, start=1):
            under_way.append((number, Future()))
            waiting.put((number, chunk, under_way[-1][1]))
            if len(under_way) == abreast:
                take()
        while under_way:
            take()
    finally:
        for _ in threads:
            waiting.put(None)
        for thread in threads:
            thread.join()
