"""The machine-readable forms of a contact's proof: JSON Lines (which ``verify.py`` checks) and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

import rfc8785

from sayso.consent.ledger import keys
from sayso.consent.ledger.fields import FIELDS
from sayso.consent.models import LedgerEntry

from .collect import Proof

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes a cell that begins so for a formula (OWASP, *CSV Injection*)."""

FORMAT, SEAL = "sayso-proof-2", "sayso-proof-seal-1"

COLUMNS = [*(field.name for field in FIELDS), "hash"]


def jsonl(proof: Proof) -> Iterator[bytes]:
    """Lines: what this is, the public keys, then an entry a line with its evidence, checkpoint and Merkle path; in the end
    the seal, a signature over all before it. Without one the end could be cut off, where the opt-out stands, and entries
    that no checkpoint covers yet could be written anew. Raises KeyTrouble where there is no key to sign with."""
    digest, signer = sha256(), keys.signer()
    for line in _unsealed(proof):
        digest.update(line)
        yield line
    text = rfc8785.dumps({"format": SEAL, "sha256": digest.hexdigest(), "key": signer.key.id})
    yield _line(
        {
            "seal": text.decode(),
            "signature": signer.sign(text).hex(),
            "public_key": signer.key.public.hex(),
        }
    )


def _unsealed(proof: Proof) -> Iterator[bytes]:
    yield _line(
        {
            "format": FORMAT,
            "shop": proof.shop.pk,
            "domain": proof.shop.domain,
            "controller": proof.controller,
            "contact": proof.contact_id,
            **({"merged": proof.merged} if proof.merged else {}),
            "made_at": proof.made_at.isoformat(),
            "entries": len(proof.steps),
            "keys": [key.described() for key in keys.known()],
        }
    )
    for step in proof.steps:
        cover = step.cover
        yield _line(
            {
                "entry": step.entry.entry,
                "hash": bytes(step.entry.hash).hex(),
                "evidence": [{"salt": bytes(one.salt).hex(), "data": one.data} for one in step.evidence_rows],
                "wording": step.wording,
                "checkpoint": cover
                and {
                    "text": cover.text,
                    "signature": cover.signature.hex(),
                    "public_key": cover.public_key.hex(),
                    "index": cover.index,
                    "path": [one.hex() for one in cover.path],
                },
            }
        )


def _line(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def table(proof: Proof) -> Iterator[bytes]:
    """CSV with a byte order mark (Excel reads UTF-8 only so): the fields of each entry, and its evidence."""
    yield "\ufeff".encode()
    yield row([*COLUMNS, "evidence_data"])
    for step in proof.steps:
        evidence = json.dumps(step.evidence, ensure_ascii=False, sort_keys=True) if step.evidence else ""
        yield row([*values(step.entry), evidence])


def values(entry: LedgerEntry) -> list[Any]:
    """An entry's fields in the order of :data:`COLUMNS`."""
    return [*(getattr(entry, field.column) for field in FIELDS), entry.hash]


def row(cells: list[Any]) -> bytes:
    """One line of CSV (RFC 4180), no cell of which a spreadsheet takes for a formula."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([safe(cell) for cell in cells])
    return buffer.getvalue().encode()


def safe(cell: Any) -> str:
    """A cell as text; one that would be a formula gets an apostrophe in front, which spreadsheets do not show."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat()
    if isinstance(cell, (bytes, memoryview)):
        return bytes(cell).hex()
    if isinstance(cell, int):
        return str(cell)
    text = str(cell)
    return f"'{text}" if text.startswith(DANGEROUS) else text
