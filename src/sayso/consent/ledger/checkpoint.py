"""Checkpoints: every entry since the last one under a Merkle root, signed, each naming the one before it.

A checkpoint is cut at an id below which nothing can appear any more: ids are taken from a sequence inside transactions,
so once every transaction has ended that had begun when the sequence stood at N, all entries up to N are visible. Cutting
by id instead of by transaction makes "every entry up to N is under a checkpoint" a sentence that can be checked, and it
outlives a restore into another cluster, where the numbers of transactions begin anew.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import rfc8785
from django.conf import settings
from django.db import connection, transaction

from sayso.consent.models import Checkpoint
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

from . import keys
from .merkle import Tree

log = logging.getLogger(__name__)

FORMAT = "sayso-checkpoint-1"
MOST_LEAVES = 65_536
PATIENCE = 10.0  # seconds for transactions under way to end
LOCK = 5_173_010  # of the advisory locks: one maker of checkpoints a shop


class Busy(Exception):
    """Transactions that began long ago may still add entries; try again when they have ended."""


@dataclass(frozen=True)
class Made:
    """One checkpoint that was just made."""

    number: int
    count: int
    root: str
    last_id: int


def checkpoint(shop_id: int, *, patience: float = PATIENCE) -> list[Made]:
    """Put every entry of a shop that is under no checkpoint yet under new ones; none where there is no such entry.

    Raises :class:`Busy` where after ``patience`` seconds transactions still run that may hold earlier entries, and
    :class:`sayso.consent.ledger.keys.KeyTrouble` where there is no key to sign with.
    """
    with shop_context(shop_id):
        if not has_new_entries():
            return []
    signer = keys.signer()
    upto = _settled(patience)
    made: list[Made] = []
    while True:
        with shop_context(shop_id):
            one = _next(shop_id, upto, signer)
        if one is None:
            return made
        log.info("shop %d: checkpoint %d over %d entries, root %s", shop_id, one.number, one.count, one.root)
        made.append(one)


def has_new_entries() -> bool:
    """Whether the current shop has an entry behind its last checkpoint."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select from consent_ledger where id > coalesce("
            "(select last_id from consent_checkpoint order by number desc limit 1), 0))"
        )
        (found,) = cursor.fetchone()
        return found


def last() -> Checkpoint | None:
    """The newest checkpoint of the current shop."""
    return Checkpoint.objects.defer("leaf_ids").order_by("-number").first()


RUNNING = """
select l.transactionid::text from pg_locks l left join pg_stat_activity a using (pid)
where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted and l.pid is distinct from pg_backend_pid()
and coalesce(a.datname = current_database(), true)"""
"""Transactions under way that may have written: each holds a lock of this kind from before it takes its first id. A
snapshot would not tell: its ``xmax`` is the last number that ended, and younger ones may have begun already."""


def _settled(patience: float) -> int:
    """The id up to which nothing can appear any more."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_sequence_last_value(pg_get_serial_sequence('public.consent_ledger', 'id')::regclass)")
        (upto,) = cursor.fetchone()
        cursor.execute(RUNNING)  # after the sequence was read: whoever took an id up to there is among them, or done
        awaited = set(cursor.fetchall())
        deadline = time.monotonic() + patience
        while awaited:
            cursor.execute(RUNNING)
            awaited &= set(cursor.fetchall())
            if awaited and time.monotonic() >= deadline:
                raise Busy(f"a transaction that began {patience:.0f} seconds ago or earlier still runs")
            time.sleep(0.02 if awaited else 0)
        return upto or 0


def _next(shop_id: int, upto: int, signer: keys.Signer) -> Made | None:
    """Make one checkpoint over the next entries, at most :data:`MOST_LEAVES`; None where there are none."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, hashint8(%s))", [LOCK, shop_id])
        before = last()
        leaves: list[int] = []
        tree = Tree()
        for id, hash in _entries(before.last_id if before else 0, upto):
            leaves.append(id)
            tree.add(hash)
        if not leaves:
            return None
        root = tree.root()
        number = before.number + 1 if before else 1
        text = statement(
            shop=shop_id,
            number=number,
            previous=bytes(before.hash).hex() if before else None,
            root=root.hex(),
            count=len(leaves),
            first=leaves[0],
            last=leaves[-1],
            made_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            key=signer.key.id,
        )
        cursor.execute(
            "select consent_checkpoint_add(%s, %s::bigint[], %s, %s)",
            [text.decode(), leaves, signer.sign(text), signer.key.public],
        )
    witness = {"shop": shop_id, "number": number, "hash": sha256(text).hexdigest(), "root": root.hex()}
    transaction.on_commit(lambda: _witness(shop_id, witness))
    return Made(number, len(leaves), root.hex(), leaves[-1])


def _entries(after: int, upto: int) -> list[tuple[int, bytes]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, hash from consent_ledger where id > %s and id <= %s order by id limit %s",
            [after, upto, MOST_LEAVES],
        )
        return [(id, bytes(hash)) for id, hash in cursor.fetchall()]


def statement(**said: Any) -> bytes:
    """The text that is signed: RFC 8785 JSON."""
    return rfc8785.dumps({"format": FORMAT} | said)


# The newest checkpoint of each shop is also written down outside the database, so that cutting off the ledger's end
# together with its checkpoints is seen.


def witnessed(shop: Shop) -> dict[str, Any] | None:
    """What was last written down of a shop's checkpoints: number, hash, root. None where nothing was."""
    path = _witness_file(shop)
    return json.loads(path.read_text()) if path.exists() else None


def _witness(shop_id: int, said: dict[str, Any]) -> None:
    shop = Shop.objects.get(pk=shop_id)
    if (known := witnessed(shop)) and known["number"] >= said["number"]:
        return
    path = _witness_file(shop)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("w") as file:
        json.dump(said, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _witness_file(shop: Shop) -> Path:
    return Path(settings.DATA_DIR) / "ledger" / "heads" / f"{shop.pk}-{shop.domain}.json"


def every_shop() -> Iterator[tuple[Shop, list[Made] | Exception]]:
    """A checkpoint for each shop with new entries; one shop's trouble does not keep the others waiting."""
    for shop in Shop.objects.order_by("pk"):
        try:
            yield shop, checkpoint(shop.pk)
        except (Busy, keys.KeyTrouble) as error:
            log.error("shop %d: no checkpoint: %s", shop.pk, error)
            yield shop, error
