"""Deliveries to webhook targets: queued in the database, sent to loopback only, repeated with back-off.

What a platform promises and what it does not promise are both here: a delivery is tried nine times
in all, and by request it comes late, twice, in another order, or never.
"""

import asyncio
import heapq
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from .database import encode
from .settings import Weather
from .world import World

logger = logging.getLogger(__name__)

TRIES = 9  # the first and eight repeats
KEPT = 5_000  # finished deliveries that stay readable
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def is_loopback(url: str) -> bool:
    """Whether `url` points to this machine, the only place the sandbox ever sends to."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and parts.hostname in _LOOPBACK
    except ValueError:
        return False


class Outbox:
    """Sends what other parts `add`. Run `work()` as a task; `idle()` waits for the end of the queue."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.heap: list[tuple[float, int]] = []
        self.wake = asyncio.Event()
        self.running = 0
        self.quiet = asyncio.Condition()
        self.lost_subscription: Callable[[int], object] = lambda _: None
        self.limit = asyncio.Semaphore(16)
        self.tasks: set[asyncio.Task[None]] = set()
        for key, due in world.db.all("SELECT id, due FROM delivery WHERE state = 'queued'"):
            heapq.heappush(self.heap, (due, key))

    def add(
        self, kind: str, topic: str, url: str, headers: dict[str, str], body: bytes, *, subscription: int | None = None
    ) -> None:
        """Queue one delivery of `kind` (`shopify` or `meta`) as the weather of that platform wants it."""
        weather: Weather = getattr(self.world.settings, kind)
        roll = self.world.random.random
        parts: dict[str, Any] = {"url": url, "headers": headers, "body": body, "subscription": subscription}
        if weather.lose and roll() < weather.lose:
            self._insert(kind, topic, "lost", due=0, **parts)
            return
        for _ in range(2 if weather.duplicate and roll() < weather.duplicate else 1):
            due = time.time() + weather.delay + weather.shuffle * roll()
            key = self._insert(kind, topic, "held" if weather.hold else "queued", due=due, **parts)
            if not weather.hold:
                heapq.heappush(self.heap, (due, key))
        self.wake.set()

    def _insert(
        self,
        kind: str,
        topic: str,
        state: str,
        *,
        url: str,
        headers: dict[str, str],
        body: bytes,
        subscription: int | None,
        due: float,
    ) -> int:
        cursor = self.world.db.run(
            "INSERT INTO delivery (kind, topic, state, due, subscription, url, headers, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            kind,
            topic,
            state,
            due,
            subscription,
            url,
            encode(headers),
            body,
        )
        return cursor.lastrowid or 0

    def release(self, kind: str) -> int:
        """Queue everything that was held; answers how many."""
        rows = self.world.db.all("SELECT id FROM delivery WHERE state = 'held' AND kind = ? ORDER BY id", kind)
        present = time.time()
        with self.world.db.transaction():
            for (key,) in rows:
                self.world.db.run("UPDATE delivery SET state = 'queued', due = ? WHERE id = ?", present, key)
                heapq.heappush(self.heap, (present, key))
        self.wake.set()
        return len(rows)

    @property
    def busy(self) -> bool:
        """Whether something is queued or on its way."""
        return bool(self.heap) or self.running > 0

    async def work(self) -> None:
        """Send for ever."""
        # each target answers for itself: a redirect is a failure, as with both platforms
        timeout = httpx.Timeout(5.0, connect=1.0)
        async with httpx.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False) as client:
            while True:
                wait = self.heap[0][0] - time.time() if self.heap else 3600.0
                if wait > 0:
                    self.wake.clear()
                    try:
                        await asyncio.wait_for(self.wake.wait(), wait)
                    except TimeoutError:
                        pass
                    continue
                await self.limit.acquire()
                self.running += 1
                task = asyncio.create_task(self._send(client, heapq.heappop(self.heap)[1]))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    async def _send(self, client: httpx.AsyncClient, key: int) -> None:
        try:
            await self._attempt(client, key)
        finally:
            self.running -= 1
            self.limit.release()
            if not self.busy:
                async with self.quiet:
                    self.quiet.notify_all()

    async def _attempt(self, client: httpx.AsyncClient, key: int) -> None:
        db = self.world.db
        row = db.one(
            "SELECT url, headers, body, attempts, subscription, topic FROM delivery WHERE id = ? AND state = 'queued'",
            key,
        )
        if row is None:
            return
        url, headers, body, attempts, subscription, topic = row
        try:
            answer = await client.post(url, content=body, headers=msgspec.json.decode(headers))
            result, good = str(answer.status_code), answer.is_success
        except httpx.HTTPError as error:
            result, good = type(error).__name__, False
        attempts += 1
        if good:
            db.run("UPDATE delivery SET state = 'sent', attempts = ?, answer = ? WHERE id = ?", attempts, result, key)
            if key % 1000 == 0:
                db.run("DELETE FROM delivery WHERE state = 'sent' AND id < ?", key - KEPT)
        elif attempts >= TRIES:
            logger.warning("gave up on %s after %d tries: %s", topic, attempts, result)
            db.run("UPDATE delivery SET state = 'failed', attempts = ?, answer = ? WHERE id = ?", attempts, result, key)
            if subscription is not None:
                self.lost_subscription(subscription)
        else:
            due = time.time() + self.world.settings.retry_base * 2 ** (attempts - 1)
            db.run("UPDATE delivery SET attempts = ?, due = ?, answer = ? WHERE id = ?", attempts, due, result, key)
            heapq.heappush(self.heap, (due, key))
            self.wake.set()
