"""Intake and drain against what PostgreSQL itself can do, on a server of its own with fsync on.

    .venv/bin/python -m bench.intake [--rounds 3] [--seconds 4]

Signed 1 KB deliveries over real HTTP on 64 connections are held against pgbench with 32 clients, each inserting the
same row alone, durably. Rounds alternate, because a disk drifts within minutes: only the ratio counts.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import queue
import socket
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from bench.ground import ground

if TYPE_CHECKING:
    from sayso.config.postgres import EmbeddedPostgres

SMOKE = ["--rounds", "1", "--seconds", "1", "--deliveries", "500"]
CONNECTIONS, CLIENTS = 64, 32
SECRET = "bench"
SHOPS = ("one.myshopify.com", "two.myshopify.com")
BODY = {
    "id": 0, "email": "person@example.com", "created_at": "2026-10-01T12:00:00-04:00", "first_name": "Ada",
    "last_name": "Example", "state": "enabled", "note": "x" * 600, "verified_email": True, "phone": "+4915112345678",
    "currency": "EUR", "addresses": [{"id": 1, "address1": "Street 1", "city": "Berlin", "zip": "10115"}],
    "admin_graphql_api_id": "gid://shopify/Customer/0",
}  # fmt: skip
PGBENCH = """\\set n random(1, 9000000000000000)
insert into delivery (provider, key, shop_id, topic, lane, fold_key, headers, body, triggered_at, state, error)
select 'shopify', 'limit-' || :n, {shop}, 'bench/limit', 1, 'customer:1', '{{"topic": "customers/update"}}'::jsonb,
       decode('{body}', 'hex'), now(), 'DONE', '' on conflict (provider, key) do nothing;
"""


def request(number: int, topic: str = "bench/nothing") -> bytes:
    """One delivery as it comes over the wire."""
    body = json.dumps(BODY | {"id": number}).encode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    head = (
        f"POST /webhooks/shopify HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"X-Shopify-Topic: {topic}\r\nX-Shopify-Shop-Domain: {SHOPS[number % 2]}\r\n"
        f"X-Shopify-Webhook-Id: {number}-{time.monotonic_ns()}\r\nX-Shopify-API-Version: 2026-10\r\n"
        f"X-Shopify-Triggered-At: 2026-10-01T12:00:00.123456789Z\r\nX-Shopify-Hmac-Sha256: {signature}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client(asyncio.Protocol):
    """One keep-alive connection with one request under way."""

    def __init__(self, load: Load) -> None:
        self.load = load

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.load.idle.append(self)
        self.load.feed()

    def send(self, due: float, wire: bytes) -> None:
        self.due = due
        self.transport.write(wire)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 "):  # else it is the body of a refusal
            self.load.answered(self, data[9:12].decode())


class Load:
    """Sends prepared requests over all connections, as fast as answers come or at a steady rate."""

    def __init__(self, port: int, wires: list[bytes], seconds: float, rate: float | None) -> None:
        self.port, self.wires, self.seconds, self.rate = port, wires, seconds, rate
        self.idle: list[Client] = []
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.next = 0
        self.under_way = 0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self.began = time.perf_counter()
        self.end = self.began + self.seconds
        self.done = loop.create_future()
        clients = [
            (await loop.create_connection(lambda: Client(self), "127.0.0.1", self.port))[0] for _ in range(CONNECTIONS)
        ]
        if self.rate:
            while time.perf_counter() < self.end:
                self.feed()
                await asyncio.sleep(0.001)
            self.finish_if_done()
        await self.done
        self.took = time.perf_counter() - self.began
        for transport in clients:
            transport.close()

    def feed(self) -> None:
        now = time.perf_counter()
        while self.idle and self.next < len(self.wires) and now < self.end:
            due = now
            if self.rate:
                due = self.began + self.next / self.rate  # a late sender must not make the server look quick
                if due > now:
                    return
            self.idle.pop().send(due, self.wires[self.next])
            self.next += 1
            self.under_way += 1

    def answered(self, client: Client, status: str) -> None:
        self.latencies.append(time.perf_counter() - client.due)
        self.statuses[status] += 1
        self.under_way -= 1
        self.idle.append(client)
        self.feed()
        self.finish_if_done()

    def finish_if_done(self) -> None:
        over = self.next == len(self.wires) or time.perf_counter() >= self.end
        if over and not self.under_way and not self.done.done():
            self.done.set_result(None)


def load(port: int, numbers: Iterator[int], seconds: float, rate: float | None = None) -> dict[str, float]:
    """Deliver; returns deliveries a second and latencies in milliseconds."""
    most = int(seconds * (rate or 40_000))
    wires = [request(next(numbers)) for _ in range(most)]
    run = Load(port, wires, seconds, rate)
    uvloop.run(run.run())
    if set(run.statuses) != {"200"}:
        raise SystemExit(f"not all deliveries were acknowledged: {dict(run.statuses)}")
    quantiles = statistics.quantiles(run.latencies, n=1000)
    return {
        "per_second": len(run.latencies) / run.took,
        "p50_ms": quantiles[499] * 1000,
        "p99_ms": quantiles[989] * 1000,
        "p999_ms": quantiles[998] * 1000,
    }


def limit(server: EmbeddedPostgres, shop: int, seconds: float, folder: Path) -> float:
    """Single-row durable inserts a second by pgbench."""
    script = folder / "limit.sql"
    script.write_text(PGBENCH.format(shop=shop, body=json.dumps(BODY).encode().hex()))
    script.chmod(0o644)
    parameters = server.parameters()
    output = subprocess.run(
        [
            server.binaries() / "pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2",
            "-T", str(max(1, round(seconds))), "-f", script,
            "-h", parameters["host"], "-U", parameters["user"], parameters["dbname"],
        ],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return float(next(line for line in output.splitlines() if line.startswith("tps")).split()[2])


@contextmanager
def web() -> Iterator[int]:
    """A web process; yields its port."""
    from sayso.config.children import Child

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        descriptor = listener.fileno()
        child = Child(
            "web", ["-m", "sayso.config.web", "--fd", str(descriptor)], queue.SimpleQueue(), inherit=[descriptor]
        )
        child.go()
        try:
            yield listener.getsockname()[1]
        finally:
            child.stop(10)


def intake(server: EmbeddedPostgres, shop: int, folder: Path, rounds: int, seconds: float) -> dict[str, object]:
    numbers = iter(range(1, 10**9))
    limits, reached, halves = [], [], []
    with web() as port:
        load(port, numbers, 1)
        for _ in range(rounds):
            limits.append(limit(server, shop, seconds, folder))
            reached.append(load(port, numbers, seconds))
            halves.append(load(port, numbers, seconds, reached[-1]["per_second"] / 2))
    return {
        "pgbench_per_second": round(statistics.median(limits)),
        "acknowledged_per_second": round(statistics.median(result["per_second"] for result in reached)),
        "ratio": round(statistics.median(r["per_second"] / most for r, most in zip(reached, limits, strict=True)), 2),
        "p99_ms_full_load": round(statistics.median(result["p99_ms"] for result in reached), 1),
        "p99_ms_half_load": round(statistics.median(result["p99_ms"] for result in halves), 1),
        "half_load_per_second": round(statistics.median(result["per_second"] for result in halves)),
    }


def drain(shops: list[int], count: int) -> dict[str, object]:
    """Deliveries a second through the drain into a handler that does nothing, by one thread and by two."""
    from django.db import connection

    from sayso.intake.drain import Drain
    from sayso.intake.registry import handler

    handler("shopify", "bench/drain")(lambda shop_id, deliveries: None)
    body = json.dumps(BODY).encode()

    def fill() -> None:
        with connection.cursor() as cursor:
            cursor.execute("delete from delivery")
            cursor.execute(
                "insert into delivery (provider, key, shop_id, topic, fold_key, lane, headers, body)"
                " select 'shopify', 'drain-' || n, (%s::bigint[])[1 + n %% 2], 'bench/drain',"
                " 'customer:' || n %% 5000, 1, '{}', %s from generate_series(1, %s) n",
                [shops, body, count],
            )

    def work() -> None:
        mine = Drain()
        while mine.step():
            pass
        connection.close()

    rates = {}
    for threads in (1, 2):
        fill()
        workers = [threading.Thread(target=work) for _ in range(threads)]
        began = time.monotonic()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        rates[f"drained_per_second_{threads}_threads"] = round(count / (time.monotonic() - began))
    return rates


def visible(port: int, rate: float, seconds: float) -> dict[str, object]:
    """From reception to being drained, at a steady rate, with a worker thread running."""
    from django.db import connection

    from sayso.intake.drain import run
    from sayso.intake.registry import handler

    handler("shopify", "bench/nothing")(lambda shop_id, deliveries: None)
    with connection.cursor() as cursor:
        cursor.execute("delete from delivery")
    stop = threading.Event()
    worker = threading.Thread(target=run, args=(stop,))
    worker.start()
    load(port, iter(range(10**9, 2 * 10**9)), seconds, rate)
    with connection.cursor() as cursor:
        while True:
            cursor.execute("select count(*) from delivery where state = 'NEW'")
            if cursor.fetchone() == (0,):
                break
        cursor.execute(
            "select percentile_cont(0.99) within group (order by extract(epoch from drained_at - received_at))"
            " from delivery"
        )
        (p99,) = cursor.fetchone()
    stop.set()
    worker.join()
    return {"visible_rate": rate, "visible_p99_ms": round(float(p99) * 1000, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--deliveries", type=int, default=20_000, help="how many to drain")
    given = parser.parse_args()
    with ground() as (folder, server):
        from sayso.shopify.models import Connection
        from sayso.shops.models import ProviderApp, Shop
        from sayso.shops.tenancy import shop_context

        shops = [Shop.objects.create(domain=domain, name=domain, address_secret="x").pk for domain in SHOPS]
        app = ProviderApp.objects.create(provider="shopify", client_id="bench", secret=SECRET)
        for shop_id, domain in zip(shops, SHOPS, strict=True):
            with shop_context(shop_id):
                Connection.objects.create(
                    shop_id=shop_id, provider_app_id=app.pk, domain=domain, base_url=f"https://{domain}"
                )
        result = intake(server, shops[0], folder, given.rounds, given.seconds)
        print(json.dumps(result), flush=True)
        print(json.dumps(drain(shops, given.deliveries)), flush=True)
        with web() as port:
            print(json.dumps(visible(port, 500, given.seconds)), flush=True)


if __name__ == "__main__":
    main()
