"""kill -9 of web, importer, drainer and reconciliation, 50 times in one go, while customers act: afterwards nothing is
missing, nothing is doubled, and every report tells what happened.

A round takes a fraction of a second: processes are forked from one that has everything loaded. Whatever else should
survive being killed gets a line in ``WORK`` and a name in ``ROLES``.
"""

from __future__ import annotations

import itertools
import os
import random
import secrets
import select
import signal
import subprocess
import sys

import pytest
from django.db import connection
from tests.conftest import environment_of

from sayso.consent.models import LedgerEntry
from sayso.events import consumers
from sayso.events.models import Event
from sayso.intake.drain import drain_all
from sayso.intake.models import Delivery
from sayso.sandbox.testing import Sandbox
from sayso.shopify.connection import connect, subscriptions
from sayso.shopify.importing import imports
from sayso.shopify.models import SyncRun
from sayso.shopify.reading import refetch
from sayso.shopify.reconciliation import reconcile
from sayso.shops.tenancy import shop_context

pytestmark = pytest.mark.crash

PEOPLE, ROUNDS, LONGEST = 600, 50, 0.4  # LONGEST: seconds that a victim runs before it is killed
ROLES = ("web", "import", "drain", "reconcile")
WORK = """
import dataclasses, os, socket, sys, django
django.setup()
from sayso.config.web import serve
from sayso.events import consumers
from sayso.intake.drain import Drain
from sayso.shopify.importing import imports, kinds as import_kinds
from sayso.shopify.reading import refetch
from sayso.shopify.reconciliation import reconcile
from sayso.shopify.models import SyncRun
from sayso.shops.tenancy import shop_context
role, shop = sys.argv[1], int(sys.argv[2])
for name, kind in list(import_kinds.KINDS.items()):
    import_kinds.KINDS[name] = dataclasses.replace(kind, chunk=60)
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen(256)
print(listening.getsockname()[1], flush=True)

def importing():
    for trigger in (None, SyncRun.Trigger.DRY_RUN):
        for run in imports.start(shop, trigger=trigger):
            try:
                imports.run(shop, run)
            except (imports.Interrupted, imports.Overtaken):
                pass

def draining():
    Drain().step()
    refetch.one_batch(shop)
    for consumer, of_shop in consumers.due():
        consumers.advance(consumer, of_shop)

def reconciling():
    with shop_context(shop):  # what was killed is carried on by its job
        left = list(SyncRun.objects.filter(trigger="reconcile", status__in=imports.OPEN).values_list("pk", flat=True))
    for run in left or [reconcile.start(shop), reconcile.start(shop, full=True)]:
        try:
            reconcile.run(shop, run)
        except (imports.Interrupted, imports.Overtaken):
            pass

WORK = {"reconcile": reconciling, "web": lambda: serve([listening], "", 0), "import": importing, "drain": draining}
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        while True:
            WORK[role]()
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Worker:
    """A process of one role, made again after each kill, quickly: forked from one that has everything loaded."""

    def __init__(self, role: str, shop_id: int, environment: dict[str, str]) -> None:
        self.role, self.child = role, 0
        self.parent = subprocess.Popen(
            [sys.executable, "-c", WORK, role, str(shop_id)], env=environment, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.port = int(self._line())

    def _line(self) -> str:
        assert self.parent.stdout
        ready, _, _ = select.select([self.parent.stdout], [], [], 60)
        line = self.parent.stdout.readline() if ready else ""
        assert line, f"{self.role} says nothing"
        return line

    def start(self) -> None:
        assert self.parent.stdin
        self.parent.stdin.write("\n")
        self.child = int(self._line())

    def kill(self) -> None:
        """-9, now. It must have lived until then."""
        os.kill(self.child, signal.SIGKILL)
        assert int(self._line()) == signal.SIGKILL, f"{self.role} ended by itself"
        self.child = 0

    def end(self) -> None:
        if self.child:
            os.kill(self.child, signal.SIGKILL)
        self.parent.kill()
        self.parent.communicate()


def facts() -> list[tuple]:
    """What the store's people and orders became, without our own ids and times."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select c.shopify_customer_id, c.email, c.phone, c.tags, c.orders_count, s.whatsapp_state, s.sms_state,
                s.email_state, (select array_agg(o.shopify_order_id order by 1) from orders o where o.contact_id = c.id)
            from contact c left join consent_state s on s.contact_id = c.id order by 1, 2, 3"""
        )
        return cursor.fetchall()


def finish(shop_id: int) -> None:
    """All that still waits, done in peace."""
    for trigger in (None, SyncRun.Trigger.DRY_RUN):
        for run in imports.start(shop_id, trigger=trigger):
            assert imports.run(shop_id, run) == "COMPLETE"
    reconcile.start(shop_id, full=True)
    with shop_context(shop_id):
        left = SyncRun.objects.filter(trigger="reconcile", status__in=imports.OPEN).order_by("pk")
        ids = list(left.values_list("pk", flat=True))
    for run in ids:
        assert reconcile.run(shop_id, run) == "COMPLETE"
    for _ in range(5):
        drain_all()
        refetch.refetch_now(shop_id)
    while due := consumers.due():
        for consumer, of_shop in due:
            consumers.advance(consumer, of_shop)


def reports_that_do_not_add_up() -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(
            """select r.id, r.kind, r.trigger, r.seen, r.total, r.created, r.updated, c.created, c.updated
            from sync_run r left join lateral (
                select coalesce(sum(cardinality(created_ids)), 0) as created,
                    coalesce(sum(cardinality(updated_ids)), 0) as updated from sync_chunk where run_id = r.id) c on true
            where r.kind in ('customers', 'orders', 'live')
                and (r.created <> c.created or r.updated <> c.updated or (r.status = 'COMPLETE' and r.seen <> r.total))"""
        )
        return cursor.fetchall()


def test_nothing_is_lost_whatever_is_killed(committed):
    seed = int(os.environ.get("SAYSO_CRASH_SEED", secrets.randbelow(10**6)))
    print(f"SAYSO_CRASH_SEED={seed}")
    chance = random.Random(seed)
    workers: dict[str, Worker] = {}
    killed = dict.fromkeys(ROLES, 0)
    with Sandbox(customers=PEOPLE, orders=PEOPLE) as sandbox:
        shop = connect.connect_sandbox(sandbox.base)
        sandbox.settings(retry_base=0.1)
        environment = environment_of(committed)
        try:
            for role in ROLES:
                workers[role] = Worker(role, shop.pk, environment)
            subscriptions.ensure(shop.pk, f"http://127.0.0.1:{workers['web'].port}")
            for worker in workers.values():
                worker.start()
            for number in itertools.count(1):
                sandbox.post("live", steps=3)
                victim = workers[chance.choice(ROLES)]
                try:
                    victim.parent.wait(chance.uniform(0, LONGEST))
                except subprocess.TimeoutExpired:
                    victim.kill()
                    killed[victim.role] += 1
                    victim.start()
                if number == ROUNDS:
                    break
            sandbox.settle(60)  # web still takes what was refused until now
        finally:
            for worker in workers.values():
                worker.end()
        assert sum(killed.values()) == ROUNDS
        assert not sandbox.deliveries("failed")
        told = {delivery.headers["X-Shopify-Webhook-Id"] for delivery in sandbox.deliveries("sent", kind="shopify")}
        assert told
        assert told <= set(Delivery.objects.values_list("key", flat=True))

        finish(shop.pk)
        assert not Delivery.objects.exclude(state="DONE").exclude(state="IGNORED").exists()
        with shop_context(shop.pk):
            assert reports_that_do_not_add_up() == []
            assert not SyncRun.objects.exclude(status="COMPLETE").exists()
            made = list(Event.objects.filter(kind="contact.created").values_list("contact_id", flat=True))
            assert len(made) == len(set(made))
            live = set(Event.objects.filter(kind="contact.created", bulk=False).values_list("contact_id", flat=True))
            days = SyncRun.objects.filter(trigger="live")
            assert sum(day.created for day in days) == len(live)
            whole, entries = facts(), LedgerEntry.objects.count()
        # Importing it all once more, undisturbed, changes nothing: what is held is what the store says.
        for run in imports.start(shop.pk):
            assert imports.run(shop.pk, run) == "COMPLETE"
        with shop_context(shop.pk):
            assert facts() == whole
            assert LedgerEntry.objects.count() == entries
        print(f"killed {killed}; {len(whole)} contacts, {entries} ledger entries, {len(told)} deliveries")
