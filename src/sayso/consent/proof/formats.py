"""The forms in which a contact's proof can be had, each once for page, API and terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from django.utils import timezone

from sayso.events.models import Event
from sayso.shops.models import Shop

from . import document, receipts, records
from .collect import Proof, collect


@dataclass(frozen=True)
class Format:
    """A form: its name for people, media type, file ending, and who writes it."""

    name: str
    media_type: str
    ending: str
    write: Callable[[Proof], bytes]
    paths: bool = False  # whether it shows the Merkle paths


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


FORMATS = {
    "pdf": Format("PDF", "application/pdf", "pdf", document.pdf),
    "html": Format("HTML", "text/html; charset=utf-8", "html", document.html),
    "jsonl": Format(
        "JSON Lines, checkable with verify.py",
        "application/x-ndjson",
        "jsonl",
        lambda proof: b"".join(records.jsonl(proof)),
        paths=True,
    ),
    "csv": Format("CSV", "text/csv; charset=utf-8", "csv", lambda proof: b"".join(records.table(proof))),
    "kantara": Format(
        "Consent receipts (Kantara v1.1.0)",
        "application/json",
        "kantara.json",
        lambda proof: _json(receipts.kantara(proof)),
    ),
    "dpv": Format(
        "Consent records (W3C DPV, aligned with ISO/IEC TS 27560)",
        "application/ld+json",
        "jsonld",
        lambda proof: _json(receipts.dpv(proof)),
    ),
}


@dataclass(frozen=True)
class Made:
    """A proof, ready to be handed over."""

    content: bytes
    media_type: str
    filename: str


def make(
    shop: Shop, contact_id: int, form: str, *, language: str = "", actor_kind: str, actor_id: str = ""
) -> Made | None:
    """The proof of a contact of the current shop in one form, and the event that says who took it. None where nobody
    has that number. Raises KeyError for a form that there is not."""
    chosen = FORMATS[form]
    proof = collect(shop, contact_id, language=language, paths=chosen.paths)
    if proof is None:
        return None
    content = chosen.write(proof)
    Event.objects.create(
        shop_id=shop.pk,
        kind="export.created",
        contact_id=contact_id if proof.contact else None,
        occurred_at=timezone.now(),
        actor_kind=actor_kind,
        actor_id=actor_id,
        origin="proof",
        data={"kind": "proof", "format": form, "contact": contact_id, "entries": len(proof.steps)},
    )
    return Made(content, chosen.media_type, f"consent-{contact_id}.{chosen.ending}")
