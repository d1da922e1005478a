"""Exports that are one listing: the ledger with filters, and who could have been messaged at a moment."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from typing import Any

from sayso.consent import history
from sayso.consent.ledger.search import Filter
from sayso.consent.models import Evidence, Export, LedgerEntry

from . import records
from .writing import Chunk, Part

CHUNK = 5_000


def ledger_csv(export: Export) -> list[Part]:
    return [Part("ledger.csv", _ledger(_as_csv), b"\xef\xbb\xbf" + records.row([*records.COLUMNS, "evidence_data"]))]


def ledger_jsonl(export: Export) -> list[Part]:
    return [Part("ledger.jsonl", _ledger(_as_jsonl))]


def messageable_csv(export: Export) -> list[Part]:
    header = records.row(["contact", "channel", "at", "since", "basis", "source", "ledger_id"])
    return [Part("messageable.csv", _messageable, b"\xef\xbb\xbf" + header)]


def count_ledger(export: Export) -> int:
    return Filter.read(export.parameters).entries().count()


def count_messageable(export: Export) -> int:
    return history.count_messageable(datetime.fromisoformat(export.parameters["at"]), export.parameters["channel"])


def _ledger(write: Any) -> Any:
    def chunk(export: Export, after: int) -> Chunk | None:
        entries = list(Filter.read(export.parameters).entries().filter(pk__gt=after).order_by("pk")[:CHUNK])
        if not entries:
            return None
        evidence: dict[int, list[dict[str, Any]]] = defaultdict(list)
        kept = Evidence.objects.filter(ledger_id__in=[entry.pk for entry in entries]).exclude(data="").order_by("id")
        for one in kept:
            evidence[one.ledger_id].append(json.loads(one.data))
        content = b"".join(write(entry, evidence[entry.pk]) for entry in entries)
        return Chunk(content, len(entries), entries[-1].pk)

    return chunk


def _as_csv(entry: LedgerEntry, evidence: list[dict[str, Any]]) -> bytes:
    told = json.dumps(evidence, ensure_ascii=False, sort_keys=True) if evidence else ""
    return records.row([*records.values(entry), told])


def _as_jsonl(entry: LedgerEntry, evidence: list[dict[str, Any]]) -> bytes:
    """The entry as it was hashed, its hash, and its evidence."""
    said = json.dumps({"hash": bytes(entry.hash).hex(), "evidence": evidence}, ensure_ascii=False)
    return f'{{"entry":{entry.entry},{said[1:]}\n'.encode()


def _messageable(export: Export, after: int) -> Chunk | None:
    at, channel = export.parameters["at"], export.parameters["channel"]
    found = history.messageable(datetime.fromisoformat(at), channel, after=after)
    if not found:
        return None
    rows = [
        records.row([one.contact_id, channel, at, one.since, one.basis, one.source, one.ledger_id]) for one in found
    ]
    return Chunk(b"".join(rows), len(rows), found[-1].contact_id)
