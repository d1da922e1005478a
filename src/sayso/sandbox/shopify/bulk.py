"""Bulk operations: queue, run in a thread, announce."""

import asyncio
import sqlite3
from typing import Any

from .. import clock
from ..database import encode
from ..identifiers import gid, number
from ..outbox import Outbox
from ..records import Bulk, Shop
from ..world import World
from . import bulk_rows, bulk_rules, payloads, store
from .notify import Action
from .schema import schema
from .scope import Scope

CONCURRENT = 5
KEPT_FILES = 10
UNFINISHED = ("CREATED", "RUNNING", "CANCELING")


class Bulks:
    """All bulk operations. Those a kill interrupted begin again at the next start."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        self.world, self.outbox = world, outbox
        self.tasks: set[asyncio.Task[None]] = set()
        self.released = asyncio.Event()
        self.released.set()
        self.next_error: str | None = None
        self.links = 0  # what a link must be signed with; raised, all links given before have expired
        self.expire_at: int | None = None  # byte at which the next download breaks off, and its link expires

    @property
    def busy(self) -> bool:
        """Whether an operation is unfinished."""
        return bool(self.tasks)

    def resume(self) -> None:
        """Take up what the last process left."""
        for shop in self.world.shops.values():
            for one in store.bulks(self.world.db, shop, UNFINISHED):
                self._launch(shop, one)

    def start(self, shop: Shop, text: str, grouped: bool, version: str) -> tuple[Bulk | None, dict[str, Any] | None]:
        """(operation, None) in status CREATED, or (None, user error)."""
        running = store.bulks(self.world.db, shop, UNFINISHED)
        if len(running) >= CONCURRENT:
            names = ", ".join(gid("BulkOperation", one.id) for one in running[:1])
            return None, {
                "field": None,
                "code": "OPERATION_IN_PROGRESS",
                "message": f"A bulk query operation for this app and shop is already in progress: {names}.",
            }
        try:
            bulk_rules.check(schema(version), text)
        except bulk_rules.Refusal as refusal:
            return None, {"field": ["query"], "message": str(refusal), "code": "INVALID"}
        made = Bulk(number("BulkOperation", self.world.db.take("BulkOperation")), text, clock.now(), version, grouped)
        store.save_bulk(self.world.db, shop, made)
        self._launch(shop, made)
        return made, None

    def cancel(self, shop: Shop, key: int) -> Bulk | None:
        """Stop an operation; it ends as CANCELED."""
        one = next((one for one in store.bulks(self.world.db, shop) if one.id == key), None)
        if one and one.status in UNFINISHED:
            one.status = "CANCELING"
            store.save_bulk(self.world.db, shop, one)
        return one

    def _launch(self, shop: Shop, one: Bulk) -> None:
        task = asyncio.get_running_loop().create_task(self._run(shop, one))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _status(self, shop: Shop, one: Bulk) -> str:
        return next(now.status for now in store.bulks(self.world.db, shop) if now.id == one.id)

    async def _run(self, shop: Shop, one: Bulk) -> None:
        await asyncio.sleep(0)  # the caller answers CREATED first
        one.status = "RUNNING"
        store.save_bulk(self.world.db, shop, one)
        await self.released.wait()
        error, self.next_error = self.next_error, None
        try:
            if error is None:
                one.objects, one.roots, one.size = await asyncio.to_thread(self._write, shop, one)
        except (sqlite3.Error, OSError):
            error = "INTERNAL_SERVER_ERROR"
        if self._status(shop, one) == "CANCELING":
            one.status = "CANCELED"
        elif error:
            one.status, one.error = "FAILED", error
        else:
            one.status = "COMPLETED"
        one.completed = clock.now()
        self._expire(shop)
        with self.world.db.transaction():
            store.save_bulk(self.world.db, shop, one)
            Action(self.world, self.outbox, shop).tell("bulk_operations/finish", payloads.bulk_finished(one, shop))

    def _expire(self, shop: Shop) -> None:
        """Let the files of long finished operations go, as the platform does after seven days."""
        for old in store.bulks(self.world.db, shop, ("COMPLETED",))[KEPT_FILES:]:
            old.status = "EXPIRED"
            store.save_bulk(self.world.db, shop, old)
            (self.world.bulk_folder / f"{old.id}.jsonl").unlink(missing_ok=True)

    def _write(self, shop: Shop, one: Bulk) -> tuple[int, int, int]:
        """Runs in a thread of its own, on a connection of its own: (objects, roots, bytes)."""
        made = schema(one.version)
        query = bulk_rules.check(made, one.query)
        connection = self.world.db.reader()
        try:
            connection.execute("BEGIN")  # one snapshot, however long it takes
            scope = Scope(connection, shop, self.world.base, one.version)
            plan = bulk_rows.Plan(
                made, made.type_map[bulk_rows.ROOT_CONNECTIONS[query.root][0]], query.node, query.fragments
            )
            path = self.world.bulk_folder / f"{one.id}.jsonl"
            with path.open("wb", buffering=1 << 20) as output:
                objects, roots = bulk_rows.write(
                    bulk_rows.rows(query.root, query.search, plan, scope, one.grouped), output, encode
                )
            return objects, roots, path.stat().st_size
        finally:
            connection.close()
