"""``/metrics`` in Prometheus' text format: counts, and the roots of the ledgers; nothing that names a person.

Counters and histograms are of this process; what stands in the database is asked there, at most every
:data:`FRESH` seconds, so that it holds for all processes and a scraper cannot load the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import psycopg
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sayso.events.listen import connection_parameters

from . import environment
from .health import answer

log = logging.getLogger(__name__)

FRESH = 15.0  # seconds
TIMEOUT = "2s"

DELIVERIES = "select provider, state, count(*) from delivery group by 1, 2"
LAG = """select coalesce(extract(epoch from clock_timestamp() - min(received_at)), 0)::float8
         from delivery where state = 'NEW' and attempts = 0"""
MESSAGES = "select status, count from message_counts()"
CHECKPOINTS = "select shop, root, number from consent_checkpoint_heads()"
CHECKPOINT_AGES = "select shop, age from consent_checkpoint_heads()"


class DatabaseCollector(Collector):
    """What the database knows, remembered for a moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._metrics: list[Metric] = []

    def describe(self) -> list[Metric]:
        return []  # registering asks nothing

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            if time.monotonic() - self._asked_at >= FRESH:
                self._metrics = self._ask()
                self._asked_at = time.monotonic()
        yield from self._metrics

    @staticmethod
    def _ask() -> list[Metric]:
        up = GaugeMetricFamily("sayso_database_up", "Whether the database answered.")
        deliveries = GaugeMetricFamily("sayso_deliveries", "Deliveries by state.", labels=["provider", "state"])
        lag = GaugeMetricFamily("sayso_drain_lag_seconds", "Age of the oldest delivery that nobody looked at yet.")
        messages = GaugeMetricFamily("sayso_messages", "Messages by status.", labels=["status"])
        checkpoints = GaugeMetricFamily(
            "sayso_ledger_checkpoint", "Number of a shop's newest checkpoint, with its root.", labels=["shop", "root"]
        )
        ages = GaugeMetricFamily("sayso_ledger_checkpoint_age_seconds", "Age of that checkpoint.", labels=["shop"])
        asked = (
            (LAG, lag),
            (DELIVERIES, deliveries),
            (MESSAGES, messages),
            (CHECKPOINTS, checkpoints),
            (CHECKPOINT_AGES, ages),
        )
        try:
            with psycopg.connect(**connection_parameters(), autocommit=True) as connection:
                connection.execute(f"set statement_timeout = '{TIMEOUT}'")
                for query, metric in asked:
                    # Counting a very large table may take longer than a scraper should cause; then it is left out.
                    with contextlib.suppress(psycopg.errors.QueryCanceled):
                        for *labels, value in connection.execute(query):
                            metric.add_metric(labels, value)
            up.add_metric([], 1)
        except psycopg.Error as error:
            log.warning("metrics without the database: %s", type(error).__name__)
            up.add_metric([], 0)
        return [up, lag, deliveries, messages, checkpoints, ages]


_collector = DatabaseCollector()


def install() -> None:
    """Add what the database knows to the process's own metrics. Once a process."""
    if _collector not in REGISTRY._collector_to_names:
        disable_created_metrics()
        REGISTRY.register(_collector)


async def metrics(scope: Any, receive: Any, send: Any) -> None:
    """The metrics, for this machine or for the holder of ``SAYSO_METRICS_TOKEN``; 403 for others."""
    if not _may_read(scope):
        await answer(send, 403, {"title": "Metrics are for this machine, or a bearer token", "status": 403})
        return
    body = await asyncio.to_thread(generate_latest, REGISTRY)
    headers = [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _may_read(scope: Any) -> bool:
    headers = dict(scope["headers"])
    token = environment.get("SAYSO_METRICS_TOKEN").encode()
    given = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
    if token and hmac.compare_digest(given, token):
        return True
    # A proxy on this machine comes from loopback too, with the world behind it.
    if b"x-forwarded-for" in headers or b"forwarded" in headers:
        return False
    try:
        return ip_address((scope.get("client") or ("",))[0]).is_loopback
    except ValueError:
        return False
