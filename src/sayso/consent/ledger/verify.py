"""The check of a shop's ledger: everything is computed again, and whatever does not fit is named.

One pass in the order of the chains (contact, id) holds each entry against its columns, its hash, its predecessor and, at
its end, the head in ``consent_state``; one holds the evidence against its digests; one walks the checkpoints. All read
one snapshot through server-side cursors, in memory that does not grow with the ledger.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import rfc8785
from django.db import connection, transaction

from sayso.consent.models import Checkpoint
from sayso.shops.models import Shop
from sayso.shops.tenancy import enter_shop

from . import checkpoint as checkpoints
from . import keys
from .fields import POSITION, TEMPLATE, agrees, columns_as_json, differences
from .merkle import Tree

FETCH = 4_000  # rows a round trip
AHEAD = 4  # fetches that may wait for their turn: the server works while we do
KEPT = 1_000  # findings kept with their words; more are counted
ID, CONTACT, PREV = (POSITION[name] for name in ("id", "contact", "prev"))

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Finding:
    """Something that does not fit. ``entry_id`` is 0 where it concerns no entry. ``follows``: the entry itself may be
    whole, what came before or after it is not."""

    entry_id: int
    contact_id: int | None
    what: str
    follows: bool = False

    def __str__(self) -> str:
        where = f"entry {self.entry_id}" if self.entry_id else "the ledger"
        return f"{where}{f' of contact {self.contact_id}' if self.contact_id else ''}: {self.what}"


@dataclass
class Report:
    """What was looked at, and what did not fit."""

    shop: str
    entries: int = 0
    contacts: int = 0
    checkpoints: int = 0
    covered: int = 0  # entries under a checkpoint; younger ones rest on their chain and its head alone
    evidence: int = 0
    evidence_erased: int = 0
    broken: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not self.broken

    @property
    def first(self) -> Finding | None:
        """The broken entry with the smallest id. Its neighbours, which only tell of it, and what concerns no entry come
        behind."""
        return min(self.findings, key=_rank, default=None)

    def found(self, entry_id: int, contact_id: int | None, what: str, *, follows: bool = False) -> None:
        self.broken += 1
        finding = Finding(entry_id, contact_id, what, follows)
        if len(self.findings) < KEPT:
            self.findings.append(finding)
            return
        # Among very many the first must still be named.
        worst = max(range(KEPT), key=lambda at: _rank(self.findings[at]))
        if _rank(finding) < _rank(self.findings[worst]):
            self.findings[worst] = finding


def _rank(finding: Finding) -> tuple[bool, bool, int]:
    return finding.entry_id == 0, finding.follows, finding.entry_id


def verify(shop: Shop, progress: Progress = lambda entries: None) -> Report:
    """Check the whole ledger of a shop. ``progress`` is told how many entries were looked at since it was told last."""
    report = Report(shop.domain)
    with _snapshot(shop.pk):
        _chains(report, _stream(CHAINS), progress)
        _heads_without_entries(report)
        _evidence(report, _stream(f"{EVIDENCE} order by e.ledger_id, e.id"))
        _checkpoints(shop, report)
    return report


@contextmanager
def _snapshot(shop_id: int) -> Iterator[None]:
    """All questions see one moment; inside somebody's transaction they see what that one sees."""
    nested = connection.in_atomic_block
    with transaction.atomic():
        with connection.cursor() as cursor:
            if not nested:
                cursor.execute("set transaction isolation level repeatable read, read only")
            # The whole ledger is wanted: without this a cursor is planned for its first rows.
            cursor.execute("set local cursor_tuple_fraction = 1")
            cursor.execute("set local jit = off")
        enter_shop(shop_id)
        yield


def _stream(statement: str, parameters: tuple[Any, ...] = ()) -> Iterator[list[tuple[Any, ...]]]:
    """Rows in lists, fetched ahead by a thread of their own: the server sorts and writes while the rows are checked."""
    raw: Any = connection.connection
    with raw.cursor(name=f"verify_{next(_numbers)}") as cursor:
        cursor.execute(statement, parameters or None)
        waiting: queue.Queue[list[tuple[Any, ...]] | BaseException] = queue.Queue(AHEAD)
        enough = threading.Event()

        def fetch() -> None:
            try:
                while not enough.is_set():
                    rows = cursor.fetchmany(FETCH)
                    waiting.put(rows)
                    if not rows:
                        return
            except BaseException as error:
                waiting.put(error)

        thread = threading.Thread(target=fetch, name="ledger-verify", daemon=True)
        thread.start()
        try:
            while rows := waiting.get():
                if isinstance(rows, BaseException):
                    raise rows
                yield rows
        finally:
            enough.set()
            while thread.is_alive():  # it may stand before a full queue
                try:
                    waiting.get(timeout=0.05)
                except queue.Empty:
                    pass
            thread.join()


_numbers = iter(range(1, 2**62))

ENTRIES = f"""
select {columns_as_json()}, l.entry, encode(l.hash, 'hex'), encode(s.head_hash, 'hex')
from consent_ledger l left join consent_state s on s.shop_id = l.shop_id and s.contact_id = l.contact_id"""  # noqa: S608 (names of ours)
CHAINS = f"{ENTRIES} order by l.contact_id, l.id"


def contact(contact_id: int) -> list[Finding]:
    """Check the chain and the evidence of one contact of the current shop; empty where all fits."""
    report = Report("")
    with connection.cursor() as cursor:
        cursor.execute(f"{ENTRIES} where l.contact_id = %s order by l.id", [contact_id])
        _chains(report, [cursor.fetchall()], lambda entries: None)
        cursor.execute(f"{EVIDENCE} where l.contact_id = %s order by e.ledger_id, e.id", [contact_id])
        _evidence(report, [cursor.fetchall()])
        cursor.execute("select 1 from consent_state where contact_id = %s and head_hash is not null", [contact_id])
        if cursor.fetchone() and not report.entries:
            report.found(0, contact_id, "the contact's state names a last entry, but the contact has none")
    return sorted(report.findings, key=_rank)


def _chains(report: Report, batches: Iterable[list[tuple[Any, ...]]], progress: Progress) -> None:
    """Each entry against its columns, its hash, the entry before it, and the last of a contact against the head."""
    contact = prev = ""
    head: str | None = ""
    entry_id = "0"
    for rows in batches:
        for *fields, entry, hash, row_head in rows:
            values = tuple(fields)
            if values[CONTACT] != contact:
                if contact and prev != head:
                    _wrong_head(report, entry_id, contact, head)
                contact, prev = values[CONTACT], ""
                report.contacts += 1
            entry_id, head = values[ID], row_head
            if TEMPLATE % values != entry and not agrees(entry, values):
                report.found(int(entry_id), int(contact), differences(entry, values))
            if sha256(entry.encode()).hexdigest() != hash:
                report.found(int(entry_id), int(contact), "its hash is not the SHA-256 of its text")
            if values[PREV] != (f'"{prev}"' if prev else "null"):
                before = "is not the one it was written behind" if prev else "is missing: it is not the contact's first"
                report.found(
                    int(entry_id),
                    int(contact),
                    f"the contact's entry before it {before}; one was removed, added, changed or put elsewhere",
                    follows=True,
                )
            prev = hash
        report.entries += len(rows)
        progress(len(rows))
    if contact and prev != head:
        _wrong_head(report, entry_id, contact, head)


def _wrong_head(report: Report, entry_id: str, contact: str, head: str | None) -> None:
    what = "the contact has no state row" if head is None else "the contact's state names another entry as the last"
    what += ": a later entry was removed, or the state was changed"
    report.found(int(entry_id), int(contact), what, follows=True)


def _heads_without_entries(report: Report) -> None:
    statement = """select s.contact_id from consent_state s where s.head_hash is not null
        and not exists (select from consent_ledger l where l.shop_id = s.shop_id and l.contact_id = s.contact_id)"""
    for rows in _stream(statement):
        for (contact,) in rows:
            report.found(0, contact, "the contact's state names a last entry, but the contact has none")


EVIDENCE = """
select e.ledger_id, e.salt, e.data, l.evidence_digest, l.contact_id
from consent_evidence e left join consent_ledger l on l.shop_id = e.shop_id and l.id = e.ledger_id"""


def _evidence(report: Report, batches: Iterable[list[tuple[Any, ...]]]) -> None:
    """Each piece of evidence against the digest in its entry; later evidence has an entry of its own. What was erased
    leaves the digest behind, which is as it should be."""
    for rows in batches:
        for entry, salt, data, digest, contact_id in rows:
            if contact_id is None:
                report.found(entry, None, "there is evidence for it, but no such entry")
            elif not data:
                report.evidence_erased += 1
            elif digest is None:
                report.found(entry, contact_id, "it was made without evidence, but there is some for it")
            elif sha256(bytes(salt) + data.encode()).digest() != bytes(digest):
                report.found(entry, contact_id, "its evidence is not what it was made with")
        report.evidence += len(rows)


def _checkpoints(shop: Shop, report: Report) -> None:
    trusted = {key.public: key for key in keys.known()}
    before: Checkpoint | None = None
    for number in list(Checkpoint.objects.order_by("number").values_list("pk", flat=True)):
        one = Checkpoint.objects.get(pk=number)
        _checkpoint(shop, report, one, before, trusted)
        before = one
        before.leaf_ids = []
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from consent_ledger where id <= %s", [before.last_id if before else 0])
        (within,) = cursor.fetchone()
    report.covered = within
    witness = checkpoints.witnessed(shop)
    if (
        witness
        and not Checkpoint.objects.filter(number=witness["number"], hash=bytes.fromhex(witness["hash"])).exists()
    ):
        report.found(
            0,
            None,
            f"checkpoint {witness['number']} was made here (root {witness['root']}) and is gone: the end of the ledger was"
            " cut off, or an older backup was restored",
        )


def _checkpoint(
    shop: Shop, report: Report, one: Checkpoint, before: Checkpoint | None, trusted: dict[bytes, keys.PublicKey]
) -> None:
    name = f"checkpoint {one.number}"
    report.checkpoints += 1
    text, public = one.text.encode(), bytes(one.public_key)
    if sha256(text).digest() != bytes(one.hash):
        report.found(0, None, f"{name}: its hash is not the SHA-256 of its text")
    if public not in trusted:
        report.found(0, None, f"{name} is signed with a key that this installation never had")
    if not keys.is_signature(public, text, bytes(one.signature)):
        report.found(0, None, f"{name}: its signature does not fit its text")
    expected: dict[str, Any] = {
        "format": checkpoints.FORMAT,
        "shop": shop.pk,
        "number": one.number,
        "previous": bytes(before.hash).hex() if before else None,
        "root": bytes(one.root).hex(),
        "count": one.count,
        "first": one.first_id,
        "last": one.last_id,
        "made_at": one.made_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "key": sha256(public).hexdigest()[:16],
    }
    if rfc8785.dumps(expected) != text:
        report.found(0, None, f"{name}: {_differences(one.text, expected)}")
    if one.number != (before.number + 1 if before else 1):
        report.found(
            0, None, f"{name} does not follow on {before.number if before else 'the beginning'}: one was removed"
        )
    _leaves(report, one, before.last_id if before else 0)


def _differences(text: str, expected: dict[str, Any]) -> str:
    try:
        said = json.loads(text)
        wrong = [name for name in expected if said.get(name) != expected[name]]
    except (ValueError, AttributeError):
        return "its text is not JSON"
    if "previous" in wrong:
        return "it does not name the checkpoint before it: one was removed or changed"
    return f"its text and its columns differ in {', '.join(wrong) or 'their form'}"


def _leaves(report: Report, one: Checkpoint, after: int) -> None:
    """The entries it covers, against the leaves it was made of."""
    tree = Tree()
    expected = iter(one.leaf_ids)
    want = next(expected, None)
    missing: list[int] = []
    extra: list[int] = []
    if len(one.leaf_ids) != one.count or one.leaf_ids != sorted(set(one.leaf_ids)):
        report.found(0, None, f"checkpoint {one.number}: its list of entries was changed")
    statement = "select id, hash from consent_ledger where id > %s and id <= %s order by id"
    for rows in _stream(statement, (after, one.last_id)):
        for id, hash in rows:
            tree.add(bytes(hash))
            while want is not None and want < id:
                missing.append(want)
                want = next(expected, None)
            if want == id:
                want = next(expected, None)
            else:
                extra.append(id)
    while want is not None:
        missing.append(want)
        want = next(expected, None)
    for id in missing:
        report.found(id, None, f"it is under checkpoint {one.number} and was removed from the ledger")
    for id in extra:
        report.found(
            id, None, f"it was not in the ledger when checkpoint {one.number} was made, but claims to be older"
        )
    if tree.root() != bytes(one.root) and not missing and not extra:
        what = f"an entry between {one.first_id} and {one.last_id} is not the one that checkpoint {one.number} covers"
        report.found(0, None, what)
