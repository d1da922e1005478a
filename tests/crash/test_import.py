"""kill -9 in the middle of an import, again and again: afterwards it is complete, and nothing was applied twice."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys

import pytest
from django.db import connection
from tests.conftest import environment_of

from sayso.consent.models import LedgerEntry
from sayso.contacts.models import Contact
from sayso.events.models import Event
from sayso.sandbox.testing import Sandbox
from sayso.shopify.connection import connect
from sayso.shopify.importing import imports
from sayso.shopify.models import SyncRun
from sayso.shops.tenancy import shop_context

pytestmark = pytest.mark.crash

PEOPLE, KILLS = 2_000, 10
SCRIPT = """
import dataclasses, sys, django
django.setup()
from sayso.shopify.importing import imports, kinds as import_kinds
from sayso.shops.tenancy import shop_context
shop, run = map(int, sys.argv[1:])
for name, kind in list(import_kinds.KINDS.items()):
    import_kinds.KINDS[name] = dataclasses.replace(kind, chunk=60)
print(imports.run(shop, run, after_chunk=lambda n: print(n, flush=True)), flush=True)
"""


def facts() -> list[tuple]:
    """What an import leaves, without our own ids and times."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select c.shopify_customer_id, c.email, c.phone, c.tags, s.whatsapp_state, s.sms_state, s.email_state,
                (select count(*) from orders o where o.contact_id = c.id)
            from contact c left join consent_state s on s.contact_id = c.id order by 1, 2, 3"""
        )
        return cursor.fetchall()


def test_complete_and_once(committed):
    seed = int(os.environ.get("SAYSO_CRASH_SEED", secrets.randbelow(10**6)))
    print(f"SAYSO_CRASH_SEED={seed}")
    chance = random.Random(seed)
    with Sandbox(customers=PEOPLE, orders=PEOPLE) as sandbox:
        shop = connect.connect_sandbox(sandbox.base)
        runs = imports.start(shop.pk)
        environment = environment_of(committed)
        killed = 0
        for run in runs:
            while True:
                process = subprocess.Popen(
                    [sys.executable, "-c", SCRIPT, str(shop.pk), str(run)],
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                assert process.stdout
                if killed < KILLS:
                    for _ in range(chance.randint(0, 6)):
                        process.stdout.readline()
                    # Somewhere inside the next chunk, not at its edge.
                    try:
                        process.wait(chance.uniform(0, 0.1))
                    except subprocess.TimeoutExpired:
                        process.send_signal(signal.SIGKILL)
                        killed += 1
                said, _ = process.communicate()
                if "COMPLETE" in said:
                    break
        assert killed >= KILLS // 2
        with shop_context(shop.pk):
            assert set(SyncRun.objects.values_list("status", flat=True)) == {"COMPLETE"}
            customers = SyncRun.objects.get(pk=runs[0])
            assert customers.created == customers.seen == PEOPLE
            interrupted, entries = facts(), LedgerEntry.objects.count()
            created = Event.objects.filter(kind="contact.created", origin="shopify").values_list(
                "contact_id", flat=True
            )
            assert len(created) == len(set(created)) == PEOPLE
            assert Contact.objects.filter(shopify_customer_id__isnull=False).count() == PEOPLE

        # Importing it all again, undisturbed, changes nothing: what is held is what the store says.
        for run in imports.start(shop.pk):
            assert imports.run(shop.pk, run) == "COMPLETE"
        with shop_context(shop.pk):
            assert facts() == interrupted
            assert LedgerEntry.objects.count() == entries
        print(f"killed {killed} times; {len(interrupted)} contacts, {entries} ledger entries")
