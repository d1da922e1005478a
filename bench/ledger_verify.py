"""The check of a whole ledger: entries a second, and the memory it takes.

    ./sayso bench ledger_verify [--entries 1000000]

A server of its own with fsync on. Contacts and entries come in through the doors (three channels a contact, then a few
opt-outs, so that chains are long enough to matter), every entry with evidence, all under checkpoints. Verified as the
application's role, in a process of its own whose largest resident memory is told.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.ground import ground

SMOKE = ["--entries", "6000"]
BATCH = 5_000  # contacts
T0 = datetime(2026, 1, 1, tzinfo=UTC)


def fill(shop_id: int, entries: int) -> None:
    """Entries through the doors: three a contact for one half of the time, then opt-outs for every fourth contact."""
    from sayso.consent.events import Channel, ConsentEvent
    from sayso.consent.record import record
    from sayso.contacts.apply import apply
    from sayso.contacts.changes import ContactChange, Profile, Source
    from sayso.shops.tenancy import shop_context

    made = 0
    while made < entries:
        numbers = range(made, made + BATCH * 4)
        with shop_context(shop_id):
            people = apply(
                ContactChange(
                    source=Source.SHOPIFY,
                    at=T0,
                    shopify_customer_id=number + 1,
                    profile=Profile(phone=f"+4479{number:08d}", email=f"p{number}@example.com", country="GB"),
                )
                for number in numbers[:: len(numbers) // min(BATCH, -(-entries // 4))]
            )
            ids = [person.contact_id for person in people]
            for minute, (name, channels) in enumerate((("OPT_IN", tuple(Channel)), ("OPT_OUT", (Channel.EMAIL,)))):
                at = T0 + timedelta(minutes=minute)
                record(
                    (
                        ConsentEvent(
                            id,
                            channel,
                            name,
                            at,
                            "hosted_form",
                            language="en",
                            wording_version="hosted_form/sms/en/1",
                            evidence={"ip": "192.0.2.7", "page": "https://shop.example/join", "form_id": f"f{id}"},
                        )
                        for id in ids
                        for channel in channels
                    ),
                    bulk=True,
                    report=False,
                )
            made += 4 * len(ids)


def work(shop_id: int) -> None:
    import django

    django.setup()
    from sayso.consent.ledger.verify import verify
    from sayso.shops.models import Shop

    began = time.perf_counter()
    report = verify(Shop.objects.get(pk=shop_id))
    seconds = time.perf_counter() - began
    print(
        json.dumps(
            {
                "whole": report.whole,
                "entries": report.entries,
                "covered": report.covered,
                "checkpoints": report.checkpoints,
                "evidence": report.evidence,
                "first_broken": str(report.first) if report.first else None,
                "seconds": round(seconds, 2),
                "entries_per_second": round(report.entries / seconds),
                "process_cpu_seconds": round(time.process_time(), 1),
                "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "load_average": [round(value, 1) for value in os.getloadavg()],
            }
        )
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--work", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--keep", help="A directory to make the server in, and to use again.")
    given = parser.parse_args(argv)
    if given.work:
        return work(given.work)
    with ground(given.keep):
        from sayso.consent.ledger import checkpoint
        from sayso.shops.models import Shop

        shop = Shop.objects.first()
        told: dict[str, float] = {}
        if shop is None:
            shop = Shop.objects.create(domain="bench.myshopify.com", name="bench", address_secret="5" * 64)
            began = time.perf_counter()
            fill(shop.pk, given.entries)
            told["fill_seconds"] = round(time.perf_counter() - began, 1)
        began = time.perf_counter()
        covered = sum(one.count for one in checkpoint.checkpoint(shop.pk, patience=60))
        if covered:
            told["checkpoint_entries_per_second"] = round(covered / (time.perf_counter() - began))
        command = [sys.executable, "-m", "bench.ledger_verify", "--work", str(shop.pk)]
        root = Path(__file__).parents[1]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=root).stdout
        summary = told | json.loads(output.splitlines()[-1])
        print(json.dumps(summary, indent=2))
        if not summary["whole"]:
            sys.exit(1)


if __name__ == "__main__":
    main()
