"""Accepted messages: remembered in batches, then reported as sent, delivered, read or failed.

A send is answered from memory and written within `FLUSH` seconds together with its neighbours: one
commit a message would halve the rate. Every reader calls `flush` first. Statuses still owed after
a kill are sent by the next process.
"""

import asyncio
import base64
import heapq
import itertools
import time
from typing import Any

import msgspec

from ..outbox import Outbox
from ..world import World
from . import envelope, errors
from .people import Crowd, Person

FLUSH = 0.05
DONE = -1


class Sent(msgspec.Struct):
    """One accepted message. `plan` are its statuses to come, `stage` how many were reported."""

    key: int
    wamid: str
    number: str
    recipient: str
    kind: str
    template: str | None
    category: str | None
    opaque: str | None
    plan: str
    stage: int
    at: float
    body: bytes


def wamid(number: str, key: int) -> str:
    """A message id, unique per sandbox."""
    return "wamid." + base64.b64encode(f"\x1d\x0b{number}\x15{key:012d}".encode()).decode()


class Sends:
    """The record of accepted sends and their statuses."""

    def __init__(self, world: World, outbox: Outbox, crowd: Crowd) -> None:
        self.world, self.outbox, self.crowd = world, outbox, crowd
        self.fresh: list[Sent] = []
        self.heap: list[tuple[float, int, Sent]] = []
        self.order = itertools.count()
        self.advanced: dict[int, int] = {}
        row = world.db.one("SELECT max(id) FROM sent")
        self.next_key = (row[0] or 0) + 1
        self.numbers: dict[str, tuple[str, str]] = {}
        for row in world.db.all("SELECT * FROM sent WHERE stage >= 0"):
            self._schedule(Sent(*row), time.time())

    @property
    def busy(self) -> bool:
        """Whether statuses are still to come."""
        return bool(self.heap or self.fresh)

    def accept(
        self,
        number: str,
        person: Person,
        kind: str,
        *,
        template: str | None,
        category: str | None,
        opaque: str | None,
        plan: str,
        body: bytes,
    ) -> Sent:
        """Remember a message that Meta took over."""
        key = self.next_key
        self.next_key += 1
        one = Sent(
            key, wamid(number, key), number, person.wa_id, kind, template, category, opaque, plan, 0, time.time(), body
        )
        self.fresh.append(one)
        self._schedule(one, one.at)
        return one

    def _schedule(self, one: Sent, after: float) -> None:
        heapq.heappush(self.heap, (after + self.world.settings.status_pause, next(self.order), one))

    def flush(self) -> None:
        """Write what is only in memory."""
        if not self.fresh and not self.advanced:
            return
        fresh, self.fresh = self.fresh, []
        advanced, self.advanced = self.advanced, {}
        with self.world.db.transaction():
            if fresh:
                self.world.db.many(
                    "INSERT INTO sent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        (
                            s.key,
                            s.wamid,
                            s.number,
                            s.recipient,
                            s.kind,
                            s.template,
                            s.category,
                            s.opaque,
                            s.plan,
                            s.stage,
                            s.at,
                            s.body,
                        )
                        for s in fresh
                    ),
                )
            if advanced:
                self.world.db.many(
                    "UPDATE sent SET stage = ? WHERE id = ?", ((stage, key) for key, stage in advanced.items())
                )

    async def work(self) -> None:
        """Flush and report for ever."""
        while True:
            await asyncio.sleep(FLUSH)
            with self.world.db.transaction():
                self.report(time.time())
                self.flush()

    def report(self, until: float) -> None:
        """Queue the statuses due until then, several per POST."""
        due: list[tuple[Sent, str]] = []
        while self.heap and self.heap[0][0] <= until:
            _, _, one = heapq.heappop(self.heap)
            steps = one.plan.split(",")
            due.append((one, steps[one.stage]))
            one.stage += 1
            if one.stage < len(steps):
                self._schedule(one, until)
            else:
                one.stage = DONE
            self.advanced[one.key] = one.stage
        if self.world.settings.meta.shuffle:
            self.world.random.shuffle(due)
        size = self.world.settings.batch
        for at in range(0, len(due), size):
            self._post(due[at : at + size])

    def _post(self, due: list[tuple[Sent, str]]) -> None:
        changes: dict[str, list[envelope.Change]] = {}
        for one, step in due:
            waba, display = self.sender(one.number)
            person = self.crowd.get(one.recipient)
            status = self._status(one, person, step)
            parts: dict[str, Any] = {"statuses": [status]}
            if person.user_id and status["status"] != "failed":
                parts["contacts"] = [envelope.contact(self.crowd, person)]
            rows = changes.setdefault(waba, [])
            previous = rows[-1]["value"] if rows else None
            # several statuses without contacts of their own share a change, as in Meta's batches
            if (
                previous
                and "contacts" not in previous
                and "contacts" not in parts
                and len(previous["statuses"]) < 10
                and previous["metadata"]["phone_number_id"] == one.number
            ):
                previous["statuses"].append(status)
            else:
                rows.append({"value": envelope.value(one.number, display, **parts), "field": "messages"})
        for waba, rows in changes.items():
            envelope.post(self.world, self.outbox, waba, rows)

    def _status(self, one: Sent, person: Person, step: str) -> dict[str, Any]:
        name, _, code = step.partition(":")
        made: dict[str, Any] = {
            "id": one.wamid,
            "status": name,
            "timestamp": str(int(time.time())),
            "recipient_id": person.wa_id,
        }
        if one.opaque is not None:
            made["biz_opaque_callback_data"] = one.opaque
        if code:
            made["errors"] = [errors.in_status(int(code))]
            return made
        if person.user_id:
            made["recipient_user_id"] = person.user_id
        free = one.kind == "text"
        made["pricing"] = {
            "billable": not free,
            "pricing_model": "PMP",
            "type": "free_customer_service" if free else "regular",
            "category": "service" if free else (one.category or "UTILITY").lower(),
        }
        return made

    def sender(self, number: str) -> tuple[str, str]:
        """(business account, display number) of a phone_number_id."""
        if number not in self.numbers:
            self.numbers[number] = self.world.db.one("SELECT waba, display FROM number WHERE id = ?", number)
        return self.numbers[number]
