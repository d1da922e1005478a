"""The proof pack of a shop: everything an auditor needs to check the ledger without sayso, in one zip file."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import rfc8785

from sayso.consent.ledger import checkpoint, keys
from sayso.consent.models import Checkpoint, Evidence, Export, LedgerEntry
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

from .writing import Chunk, Part

FORMAT = "sayso-pack-1"
ENTRIES, CHECKPOINTS = 5_000, 1  # a chunk; a checkpoint lists up to 65,536 entries
BLOCK = 1 << 20

README = """\
PROOF OF CONSENT

Shop:      {domain}
Made:      {made_at}
Entries:   {entries}
Checkpoints: {checkpoints}
Signing key (SHA-256 of the public key): {fingerprint}

This folder holds the whole consent ledger of the shop up to its last checkpoint, and a program that checks it:

    python verify.py

It needs Python 3.8 or newer and the package "cryptography" (pip install cryptography); nothing of the system that made the
ledger. It names the first entry that does not fit and ends with status 1, or says that everything fits and ends with 0.

The keys in keys.json came with this folder. That they are the shop's own you can only know from elsewhere: compare the
fingerprint with the one that the shop publishes, or with the one of an earlier pack, and run

    python verify.py --key {fingerprint}

ledger.jsonl       one entry a line, in the order of their numbers, byte for byte as it was hashed (RFC 8785 JSON)
evidence.jsonl     what belongs to an entry and can name a person; SHA-256(salt, data) is the entry's "evidence".
                   Evidence that was erased on request is absent; the entry keeps the digest
checkpoints.jsonl  signed statements (Ed25519), each over the Merkle root (RFC 6962) of the hashes of its entries, and each
                   naming the hash of the one before it
leaves.txt         the entries under each checkpoint, in order: number and SHA-256
keys.json          the public keys; a new key is endorsed by the one before it
manifest.json      the files with their SHA-256, signed in manifest.sig
verify.py          the program; read it before you run it

The fields of an entry: actor (who: customer, staff, system, shop, provider), address_key (keyed hash of the address, so that
the address itself is not told), basis, caused_by (the entry that led to this one), channel, code (why it was refused),
contact, event, evidence (digest), from and to (the state before and after), id, language, occurred_at (by the source's clock),
outcome (ACCEPTED, NO_CHANGE, REFUSED), prev (SHA-256 of the contact's entry before), recorded_at (by the database's clock),
shop, source, topic, wording (version of the text that was shown).
"""


def parts(export: Export) -> list[Part]:
    return [
        Part("ledger.jsonl", _ledger),
        Part("evidence.jsonl", _evidence, counted=False),
        Part("checkpoints.jsonl", _checkpoints, counted=False),
        Part("leaves.txt", _leaves, counted=False),
    ]


def prepare(shop: Shop) -> dict[str, int]:
    """Bring everything under a checkpoint, and answer what the pack holds. Raises Busy or KeyTrouble."""
    checkpoint.checkpoint(shop.pk)
    with shop_context(shop.pk):
        last = checkpoint.last()
        return {"upto": last.last_id if last else 0, "checkpoint": last.number if last else 0}


def count(export: Export) -> int:
    return LedgerEntry.objects.filter(pk__lte=export.parameters["upto"]).count()


def assemble(shop: Shop, export: Export, files: list[Path], target: Path) -> None:
    """Zip the parts with what explains and signs them."""
    with shop_context(shop.pk):
        last = Checkpoint.objects.defer("leaf_ids").filter(number=export.parameters["checkpoint"]).first()
    signer = keys.signer()
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    known = json.dumps({"keys": [key.described() for key in keys.known()]}, indent=1).encode()
    verifier = (Path(__file__).parent / "standalone" / "verify.py").read_bytes()
    manifest = rfc8785.dumps(
        {
            "format": FORMAT,
            "shop": shop.pk,
            "domain": shop.domain,
            "made_at": made_at,
            "entries": export.total or 0,
            "checkpoints": export.parameters["checkpoint"],
            "last": bytes(last.hash).hex() if last else None,
            "key": signer.key.id,
            "files": {path.name: {"sha256": digest(path), "bytes": path.stat().st_size} for path in files}
            | {"keys.json": {"sha256": sha256(known).hexdigest(), "bytes": len(known)}},
        }
    )
    readme = README.format(
        domain=shop.domain,
        made_at=made_at,
        entries=export.total or 0,
        checkpoints=export.parameters["checkpoint"],
        fingerprint=signer.key.fingerprint,
    )
    folder = f"proof-{shop.domain.split('.')[0]}"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as pack:
        for path in files:
            pack.write(path, f"{folder}/{path.name}")
        for name, content in (
            ("keys.json", known),
            ("manifest.json", manifest),
            ("manifest.sig", signer.sign(manifest).hex().encode() + b"\n"),
            ("verify.py", verifier),
            ("README.txt", readme.encode()),
        ):
            pack.writestr(f"{folder}/{name}", content)


def digest(path: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    found = sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(BLOCK), b""):
            found.update(block)
    return found.hexdigest()


def _ledger(export: Export, after: int) -> Chunk | None:
    rows = list(
        LedgerEntry.objects.filter(pk__gt=after, pk__lte=export.parameters["upto"])
        .order_by("pk")
        .values_list("pk", "entry")[:ENTRIES]
    )
    return _chunk([(id, entry.encode()) for id, entry in rows])


def _evidence(export: Export, after: int) -> Chunk | None:
    """By entry; all rows of an entry in one chunk, as the position is the entry's number."""
    rows = Evidence.objects.filter(ledger_id__gt=after, ledger_id__lte=export.parameters["upto"])
    some = list(rows.order_by("ledger_id", "id")[:ENTRIES])
    if not some:
        return None
    if len(some) == ENTRIES:
        some += rows.filter(ledger_id=some[-1].ledger_id, pk__gt=some[-1].pk).order_by("id")
    lines = [
        _json({"entry": one.ledger_id, "salt": bytes(one.salt).hex(), "data": one.data}) for one in some if one.data
    ]
    return Chunk(b"".join(line + b"\n" for line in lines), len(lines), some[-1].ledger_id)


def _checkpoints(export: Export, after: int) -> Chunk | None:
    some = list(_upto(export, after).defer("leaf_ids")[:ENTRIES])
    return _chunk(
        [
            (
                one.number,
                _json(
                    {
                        "text": one.text,
                        "signature": bytes(one.signature).hex(),
                        "public_key": bytes(one.public_key).hex(),
                    }
                ),
            )
            for one in some
        ]
    )


def _leaves(export: Export, after: int) -> Chunk | None:
    some = list(_upto(export, after)[:CHECKPOINTS])
    if not some:
        return None
    return Chunk(b"".join(line for one in some for line in _listed(one)), 0, some[-1].number)


def _listed(one: Checkpoint) -> Iterator[bytes]:
    """The leaves as they were, with the hashes as they are: one that is gone is said to be."""
    rows = LedgerEntry.objects.filter(pk__gte=one.first_id, pk__lte=one.last_id).values_list("pk", "hash")
    hashes = {id: bytes(hash).hex() for id, hash in rows}
    for id in one.leaf_ids:
        yield f"{id} {hashes.get(id, 'missing')}\n".encode()


def _upto(export: Export, after: int):
    return Checkpoint.objects.filter(number__gt=after, number__lte=export.parameters["checkpoint"]).order_by("number")


def _chunk(rows: list[tuple[int, bytes]]) -> Chunk | None:
    return Chunk(b"".join(line + b"\n" for _, line in rows), len(rows), rows[-1][0]) if rows else None


def _json(said: dict) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
