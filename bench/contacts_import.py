"""Import of customers from bulk JSON lines against the hand-written load of all the rows that sayso writes for them.

    ./sayso bench contacts_import [--customers 100000] [--orders 0]

A server of its own with fsync on, a second shop loaded, row-level security, ledger, suppression check and search index
on, as the application's role. The file comes from the sandbox over HTTP; the process that imports it is one of its own,
whose largest resident memory is told. The load takes the same rows through COPY into unlogged staging tables and INSERT,
in transactions of the same size. The full comparison is that of a reconciliation, the wait for its file included.
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
from pathlib import Path

from bench.ground import ground

SMOKE = ["--customers", "2000", "--orders", "1000"]
CHUNK = 5_000
SECOND = "second-store.myshopify.com"
# Table → which of its rows belong to a range of contacts.
TABLES = {
    "contact": "id between {low} and {high}",
    "identity": "contact_id between {low} and {high}",
    "event": "contact_id between {low} and {high}",
    "consent_ledger": "contact_id between {low} and {high}",
    "consent_evidence": "ledger_id in (select id from consent_ledger where shop_id = {shop}"
    " and contact_id between {low} and {high})",
    "consent_state": "contact_id between {low} and {high}",
    "suppression": "address_key in (select phone_key from contact where shop_id = {shop} and id between {low} and {high}"
    " union select email_key from contact where shop_id = {shop} and id between {low} and {high})",
}


def prepare(shop_id: int, kinds: Sequence[str]) -> list[int]:
    """Imports whose bulk operations are finished, so that only reading and applying are timed."""
    from sayso.shopify.connection.tokens import open_store
    from sayso.shopify.importing import imports
    from sayso.shopify.importing.kinds import KINDS
    from sayso.shopify.models import SyncRun
    from sayso.shops.tenancy import shop_context

    ids = imports.start(shop_id, kinds)
    with open_store(shop_id) as store:
        for run_id in ids:
            with shop_context(shop_id):
                row = SyncRun.objects.get(pk=run_id)
            imports.await_operation(store, row, KINDS[row.kind], lambda: False)
    return ids


def work(shop_id: int, run_id: int) -> None:
    """The process that imports or compares: says how long it took and how large it was."""
    import django

    django.setup()
    from sayso.config.process import require_weak_default_role, tune_garbage_collector
    from sayso.shopify.importing import imports
    from sayso.shopify.models import SyncRun
    from sayso.shopify.reconciliation import reconcile
    from sayso.shops.tenancy import shop_context

    require_weak_default_role()
    tune_garbage_collector()
    with shop_context(shop_id):
        compares = SyncRun.objects.get(pk=run_id).kind == reconcile.KIND
    began = time.perf_counter()
    status = (reconcile if compares else imports).run(shop_id, run_id)
    seconds = time.perf_counter() - began
    with shop_context(shop_id):
        run = SyncRun.objects.get(pk=run_id)
    told = {
        "status": status,
        "seen": run.seen,
        "created": run.created,
        "updated": run.updated,
        "invalid": run.invalid,
        "seconds": seconds,
        "cpu_seconds": round(time.process_time(), 1),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(told))


def in_child(shop_id: int, run_id: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.contacts_import", "--work", str(shop_id), str(run_id)]
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    ).stdout
    return json.loads(output.splitlines()[-1])


def raw_load(shop_id: int, folder: Path) -> float:
    """Seconds that PostgreSQL takes for the same rows of another shop."""
    import psycopg

    from sayso.config import database
    from sayso.config.postgres import OWNER

    server = database.embedded()
    assert server
    with psycopg.connect(**server.parameters(OWNER)) as connection:
        columns = {}
        for table in TABLES:
            rows = connection.execute(
                "select column_name from information_schema.columns where table_schema = 'public' and table_name = %s"
                " order by ordinal_position",
                [table],
            ).fetchall()
            columns[table] = [name for (name,) in rows]
            connection.execute(f"create unlogged table staging.limit_{table} (like public.{table})")
        other = shop_id + 1_000_000
        ids = [id for (id,) in connection.execute("select id from contact where shop_id = %s order by id", [shop_id])]
        files: list[dict[str, Path]] = []
        for start in range(0, len(ids), CHUNK):
            part = ids[start : start + CHUNK]
            files.append({})
            for table, which in TABLES.items():
                named = ", ".join(str(other) if name == "shop_id" else name for name in columns[table])
                condition = which.format(low=part[0], high=part[-1], shop=shop_id)
                path = folder / f"{start}-{table}"
                query = f"copy (select {named} from {table} where shop_id = {shop_id} and {condition}) to stdout"
                with path.open("wb") as file, connection.cursor().copy(query) as copy:
                    for block in copy:
                        file.write(block)
                files[-1][table] = path
        connection.commit()
        began = time.perf_counter()
        for chunk in files:
            for table, path in chunk.items():
                with connection.cursor().copy(f"copy staging.limit_{table} from stdin") as copy:
                    copy.write(path.read_bytes())
                listed = ", ".join(columns[table])
                connection.execute(
                    f"insert into {table} ({listed}) overriding system value select {listed} from staging.limit_{table}"
                    + (" on conflict do nothing" if table == "suppression" else "")
                )
                connection.execute(f"truncate staging.limit_{table}")
            connection.commit()
        return time.perf_counter() - began


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=0)
    parser.add_argument("--work", nargs=2, type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.work:
        return work(*given.work)
    with ground() as (folder, _):
        from sayso.sandbox.testing import Sandbox
        from sayso.shopify.connection import connect
        from sayso.shopify.reconciliation import reconcile

        with Sandbox(folder / "sandbox", customers=given.customers, orders=given.orders) as box:
            box.post("shops", domain=SECOND, customers=max(given.customers // 5, 1_000), orders=0)
            known = (connect.known.CLIENT_ID, connect.known.CLIENT_SECRET)
            second = connect.connect(SECOND, *known, base_url=box.shopify_url(SECOND), sandbox=True)
            in_child(second.pk, prepare(second.pk, ["customers"])[0])
            shop = connect.connect_sandbox(box.base)
            kinds = ["customers", "orders"] if given.orders else ["customers"]
            results = [in_child(shop.pk, run_id) for run_id in prepare(shop.pk, kinds)]
            again = [in_child(shop.pk, run_id) for run_id in prepare(shop.pk, kinds)]
            compared = in_child(shop.pk, reconcile.start(shop.pk, full=True, kinds=["customers"]))
        raw = raw_load(shop.pk, folder)
        first = results[0]
        summary = {
            "customers": first["seen"],
            "import_per_second": round(first["seen"] / first["seconds"]),
            "raw_load_per_second": round(first["seen"] / raw),
            "ratio": round(raw / first["seconds"], 2),
            "unchanged_reimport_per_second": round(again[0]["seen"] / again[0]["seconds"]),
            "reimport_changed": sum(one["created"] + one["updated"] for one in again),
            "full_comparison_per_second": round(first["seen"] / compared["seconds"]),
            "differences": compared["created"] + compared["updated"],
            "worker_rss_mb": max(one["rss_mb"] for one in (*results, *again, compared)),
            "worker_cpu_seconds": first["cpu_seconds"],
            "load_average": [round(value, 1) for value in os.getloadavg()],
        }
        if given.orders:
            summary["orders_per_second"] = round(results[1]["seen"] / results[1]["seconds"])
            summary["unchanged_orders_per_second"] = round(again[1]["seen"] / again[1]["seconds"])
        print(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
