"""Everything that a proof of one contact's consent shows, read once for all its forms."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from sayso.consent import queries
from sayso.consent import settings as consent_settings
from sayso.consent.ledger import keys, merkle, verify
from sayso.consent.models import Checkpoint, Evidence, LedgerEntry, Wording
from sayso.contacts import merge
from sayso.contacts.models import Contact
from sayso.shops.models import Shop

from . import words


@dataclass(frozen=True)
class Cover:
    """The checkpoint over an entry, and the way from the entry's hash to its root."""

    number: int
    text: str
    signature: bytes
    public_key: bytes
    index: int
    path: list[bytes]


@dataclass
class Step:
    """One entry with what belongs to it."""

    entry: LedgerEntry
    evidence: list[dict[str, Any]] = field(default_factory=list)
    evidence_rows: list[Evidence] = field(default_factory=list)
    wording: str | None = None
    cover: Cover | None = None

    @property
    def evidence_erased(self) -> bool:
        return self.entry.evidence_digest is not None and not self.evidence


@dataclass
class Proof:
    """What the ledger holds of one contact, checked at ``made_at``. ``contact`` is None where the shop has none left."""

    shop: Shop
    controller: str
    controller_contact: str
    privacy_policy: str
    contact_id: int
    merged: list[int]  # contacts that became part of it; their entries are among the steps, in chains of their own
    contact: Contact | None
    language: str
    made_at: datetime
    states: list[queries.ChannelConsent]
    steps: list[Step]  # the oldest first
    findings: list[verify.Finding]
    fingerprints: list[str]

    @property
    def name(self) -> str:
        names = (self.contact.first_name, self.contact.last_name) if self.contact else ()
        return " ".join(name for name in names if name)


def collect(shop: Shop, contact_id: int, *, language: str = "", paths: bool = False) -> Proof | None:
    """The proof of a contact of the current shop; None where neither contact nor ledger knows the number.

    ``language`` is the reader's choice; else the contact's own, else the shop's. ``paths`` adds the Merkle paths, for
    which up to 65,536 hashes a checkpoint are read. Raises KeyTrouble where the key files cannot be read.
    """
    contact = Contact.objects.filter(pk=contact_id).first()
    own = merge.with_merged([contact_id])
    entries = list(LedgerEntry.objects.filter(contact_id__in=own).order_by("id"))
    if contact is None and not entries:
        return None
    settings = consent_settings.of(shop)
    spoken = (contact.language, contact.locale) if contact else (None, None)
    return Proof(
        shop=shop,
        controller=settings.controller_name or shop.name,
        controller_contact=settings.controller_contact,
        privacy_policy=settings.privacy_policy_url,
        contact_id=contact_id,
        merged=[one for one in own if one != contact_id],
        contact=contact,
        language=words.choose(language, *spoken, shop.language),
        made_at=datetime.now(UTC),
        states=queries.of_contact(contact_id),
        steps=_steps(entries, paths),
        findings=[finding for one in own for finding in verify.contact(one)],
        fingerprints=[key.fingerprint for key in keys.known()],
    )


def _steps(entries: list[LedgerEntry], paths: bool) -> list[Step]:
    rows: dict[int, list[Evidence]] = defaultdict(list)
    for one in Evidence.objects.filter(ledger_id__in=[entry.pk for entry in entries]).order_by("id"):
        if one.data:
            rows[one.ledger_id].append(one)
    wordings = _wordings(entry.wording_version for entry in entries)
    covers = _covers([entry.pk for entry in entries], paths)
    return [
        Step(
            entry,
            [json.loads(one.data) for one in rows[entry.pk]],
            rows[entry.pk],
            wordings.get(entry.wording_version or ""),
            covers.get(entry.pk),
        )
        for entry in entries
    ]


def _wordings(names: Iterable[str | None]) -> dict[str, str]:
    """``purpose/channel/language/version`` → the text, for those that the shop keeps."""
    wanted = Q()
    for name in {name for name in names if name}:
        parts = name.split("/")
        if len(parts) == 4 and parts[3].isdecimal():
            wanted |= Q(purpose=parts[0], channel=parts[1], language=parts[2], version=int(parts[3]))
    return {one.name: one.text for one in Wording.objects.filter(wanted)} if wanted else {}


def _covers(ids: list[int], paths: bool) -> dict[int, Cover]:
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """select e.id, c.id from unnest(%s::bigint[]) e (id) cross join lateral (
                select c.id, c.first_id from consent_checkpoint c where c.last_id >= e.id order by c.last_id limit 1
            ) c where c.first_id <= e.id order by e.id""",
            [ids],
        )
        by_checkpoint: dict[int, list[int]] = defaultdict(list)
        for entry_id, checkpoint_id in cursor.fetchall():
            by_checkpoint[checkpoint_id].append(entry_id)
    found: dict[int, Cover] = {}
    for one in Checkpoint.objects.filter(pk__in=list(by_checkpoint)).order_by("number").iterator(chunk_size=4):
        places = {id: index for index, id in enumerate(one.leaf_ids)}
        leaves = _hashes(one) if paths else []
        for entry_id in by_checkpoint[one.pk]:
            if entry_id in places:
                index = places[entry_id]
                found[entry_id] = Cover(
                    one.number,
                    one.text,
                    bytes(one.signature),
                    bytes(one.public_key),
                    index,
                    merkle.path(leaves, index) if index < len(leaves) else [],
                )
    return found


def _hashes(one: Checkpoint) -> list[bytes]:
    rows = LedgerEntry.objects.filter(pk__gte=one.first_id, pk__lte=one.last_id).order_by("pk")
    return [bytes(hash) for hash in rows.values_list("hash", flat=True)]
