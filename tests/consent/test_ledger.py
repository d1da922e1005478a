"""The ledger as evidence: checkpoints, keys, and that verify finds whatever was done to it."""

from __future__ import annotations

import json
from hashlib import sha256

import psycopg
import pymerkle
import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.consent.ledger_people import make_shop, people, tampering

from sayso.consent.ledger import checkpoint, fields, keys
from sayso.consent.ledger.merkle import EMPTY, Tree
from sayso.consent.ledger.verify import Report, verify
from sayso.consent.models import Checkpoint, LedgerEntry
from sayso.shops.tenancy import shop_context


@pytest.fixture(autouse=True)
def own_keys(tmp_path, settings):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def ledger(committed):
    """A shop whose ledger is under two checkpoints, with entries younger than both."""
    shop = make_shop()
    people(shop, 2)
    checkpoint.checkpoint(shop.pk)
    people(shop, 1, first=3)
    checkpoint.checkpoint(shop.pk)
    people(shop, 1, first=4)
    return shop


def first(report: Report) -> int | None:
    return report.first.entry_id if report.first else None


# The tree


@given(st.lists(st.binary(max_size=40), max_size=70))
def test_the_tree_is_that_of_rfc_6962(leaves):
    ours, theirs = Tree(), pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        ours.add(leaf)
        theirs.append_entry(leaf)
    assert len(ours) == len(leaves)
    assert ours.root() == (theirs.get_root() if leaves else EMPTY)


# The entry's fields


def test_the_fields_are_sorted_as_rfc_8785_wants_them():
    assert list(fields.NAMES) == sorted(fields.NAMES)


def test_every_column_of_the_ledger_is_bound():
    """All but the transaction's number, which is PostgreSQL's own book-keeping and says nothing about anybody."""
    bound = {field.column for field in fields.FIELDS} | {"entry", "hash"}
    assert {column.column for column in LedgerEntry._meta.concrete_fields} - bound == {"xid"}


def test_entries_of_both_forms_are_read(shop):
    values = tuple(json.dumps(name) if name != "topic" else "null" for name in fields.NAMES)
    both = {fields.TEMPLATE % values, (fields.TEMPLATE % values).replace('"topic":null,', "")}
    assert len(both) == 2 and all(fields.agrees(text, values) for text in both)
    with_topic = tuple('"x"' if name == "topic" else value for name, value in zip(fields.NAMES, values, strict=True))
    assert not any(fields.agrees(text, with_topic) for text in both)


# Keys


def test_keys_rotate_and_the_old_one_endorses_the_new(tmp_path):
    old = keys.signer()
    assert keys.signer().key == old.key
    [pem] = (tmp_path / "ledger" / "keys").glob("*.pem")
    assert pem.stat().st_mode & 0o777 == 0o600
    new = keys.rotate()
    assert [key.id for key in keys.known()] == [old.key.id, new.id] and keys.known()[0].retired_at
    assert keys.signer().key == new and not pem.exists()
    assert new.endorsement and old.key.signed(keys.ENDORSEMENT + new.public, new.endorsement)


def test_a_lost_private_half_is_said(tmp_path):
    keys.signer()
    [pem] = (tmp_path / "ledger" / "keys").glob("*.pem")
    pem.write_text("nonsense")
    with pytest.raises(keys.KeyTrouble, match="backup"):
        keys.signer()


# Checkpoints


def test_checkpoints_cover_everything_once(ledger):
    with shop_context(ledger.pk):
        one, two = Checkpoint.objects.order_by("number")
        assert (one.number, two.number) == (1, 2) and json.loads(two.text)["previous"] == bytes(one.hash).hex()
        covered = list(one.leaf_ids) + list(two.leaf_ids)
        assert covered == sorted(LedgerEntry.objects.filter(pk__lte=two.last_id).values_list("pk", flat=True))
    [third] = checkpoint.checkpoint(ledger.pk)
    assert third.count == 4 and checkpoint.checkpoint(ledger.pk) == []
    assert verify(ledger).covered == verify(ledger).entries == 16


def test_many_entries_become_several_checkpoints(committed, monkeypatch):
    monkeypatch.setattr(checkpoint, "MOST_LEAVES", 5)
    shop = make_shop()
    people(shop, 3)
    assert [one.count for one in checkpoint.checkpoint(shop.pk)] == [5, 5, 2]
    assert verify(shop).whole


def test_a_checkpoint_waits_for_whoever_may_still_add_earlier_entries(ledger, as_owner):
    with as_owner.transaction():
        as_owner.execute("select pg_current_xact_id()")
        with pytest.raises(checkpoint.Busy):
            checkpoint.checkpoint(ledger.pk, patience=0)
    assert checkpoint.checkpoint(ledger.pk)


def test_the_application_can_neither_write_nor_forge_checkpoints(ledger):
    with shop_context(ledger.pk):
        for statement in (
            "insert into consent_checkpoint select * from consent_checkpoint",
            "update consent_checkpoint set number = 9",
            "delete from consent_checkpoint",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.connection.transaction():
                connection.connection.execute(statement)
        last = checkpoint.last()
        assert last
        new = list(LedgerEntry.objects.filter(pk__gt=last.last_id).order_by("pk").values_list("pk", flat=True))
        said = {"shop": ledger.pk, "number": last.number + 1, "previous": bytes(last.hash).hex(), "root": "00" * 32}
        for leaves, change in (
            (new[1:], {}),  # leaves one out
            (new, {"number": last.number + 2}),
            (new, {"previous": "11" * 32}),
        ):
            text = json.dumps(said | {"first": leaves[0], "last": leaves[-1], "count": len(leaves)} | change)
            with pytest.raises(psycopg.errors.RestrictViolation), connection.connection.transaction():
                connection.connection.execute(
                    "select consent_checkpoint_add(%s, %s, %s, %s)", [text, leaves, b"x" * 64, b"y" * 32]
                )


def test_not_even_the_owner_changes_a_checkpoint(ledger, as_owner):
    for statement in ("update consent_checkpoint set number = 9", "delete from consent_checkpoint"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            as_owner.execute(statement)


def test_old_checkpoints_are_verified_after_a_rotation(ledger):
    keys.rotate()
    checkpoint.checkpoint(ledger.pk)
    assert verify(ledger).whole


# What verify finds


def test_a_whole_ledger_is_whole(ledger):
    report = verify(ledger)
    assert report.whole and report.first is None
    assert (report.entries, report.contacts, report.checkpoints, report.covered) == (16, 4, 2, 12)
    assert (report.evidence, report.evidence_erased) == (4, 0)


def flipped(value: object, kind: str, at: int, bit: int) -> object:
    """The value with one bit changed; something where there was nothing."""
    if kind == "bytes":
        raw = bytearray(value or b"\x00")  # type: ignore[arg-type]
        raw[at % len(raw)] ^= 1 << bit % 8
        return bytes(raw)
    if kind == "number":
        return (value or 0) ^ 1 << bit % 40  # type: ignore[operator]
    text = str(value or "x")
    place = at % len(text)
    other = chr(ord(text[place]) ^ 1 << bit % 5)
    return text[:place] + (other if other.isprintable() else "~") + text[place + 1 :]


KINDS = {field.column: field.kind for field in fields.FIELDS} | {"entry": "text", "hash": "bytes"}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    column=st.sampled_from(sorted(set(KINDS) - {"shop_id"})),
    nth=st.integers(0, 15),
    at=st.integers(0, 600),
    bit=st.integers(0, 63),
)
@example(column="hash", nth=15, at=0, bit=0)  # the youngest entry, under no checkpoint
@example(column="topic", nth=0, at=0, bit=0)
def test_one_flipped_bit_of_any_column_is_found(ledger, as_owner, column, nth, at, bit):
    table = "consent_ledger"
    ids = [id for (id,) in as_owner.execute(f"select id from {table} order by id")]
    entry = ids[nth]
    [old] = as_owner.execute(f"select {column} from {table} where id = %s", [entry]).fetchone()
    with tampering(as_owner):
        if KINDS[column] == "time":
            change = (
                f"update {table} set {column} = coalesce({column}, now()) + %s * interval '1 microsecond' where id = %s"
            )
            as_owner.execute(change, [1 << bit % 50, entry])
            new = entry
        else:
            value = flipped(old, KINDS[column], at, bit)
            new = value if column == "id" else entry
            if column == "id" and value in ids:
                return
            as_owner.execute(f"update {table} set {column} = %s where id = %s", [value, entry])
        try:
            report = verify(ledger)
            assert not report.whole
            assert first(report) in {entry, new}, report.findings
        finally:
            as_owner.execute(f"update {table} set {column} = %s where id = %s", [old, new])
    assert verify(ledger).whole


def test_an_entry_moved_to_another_shop_is_missed_here_and_found_there(ledger, as_owner):
    other = make_shop()
    with tampering(as_owner):
        [entry] = as_owner.execute("select min(id) from consent_ledger").fetchone()
        as_owner.execute("update consent_ledger set shop_id = %s where id = %s", [other.pk, entry])
    assert first(verify(ledger)) == entry and first(verify(other)) == entry


@pytest.mark.parametrize("nth", range(16))
def test_a_removed_entry_is_named_or_the_one_behind_it(ledger, as_owner, nth):
    rows = as_owner.execute("select id, contact_id from consent_ledger order by id").fetchall()
    entry, contact = rows[nth]
    with tampering(as_owner):
        as_owner.execute("delete from consent_ledger where id = %s", [entry])
    report = verify(ledger)
    behind = [id for id, of in rows if of == contact and id > entry]
    before = [id for id, of in rows if of == contact and id < entry]
    # What is under a checkpoint or left evidence is named itself; else the entry that comes after, or before it.
    known = nth < 12 or nth == 12
    assert first(report) == (entry if known else (behind or before)[0 if behind else -1])


def test_two_entries_that_changed_places_are_found(ledger, as_owner):
    names = ", ".join(column.column for column in LedgerEntry._meta.concrete_fields if column.column != "id")
    rows = as_owner.execute("select id from consent_ledger order by id limit 2").fetchall()
    one, two = (id for (id,) in rows)
    with tampering(as_owner):
        as_owner.execute(f"create temporary table swapped as select * from consent_ledger where id in ({one}, {two})")
        as_owner.execute(f"delete from consent_ledger where id in ({one}, {two})")
        as_owner.execute(
            f"insert into consent_ledger (id, {names}) overriding system value"
            f" select case id when {one} then {two} else {one} end, {names} from swapped"
        )
    assert first(verify(ledger)) == one


def rehash(owner: psycopg.Connection, entry: int, **changes: str) -> None:
    """Change an entry and make everything in its row right again, as somebody would who has only the database."""
    [text] = owner.execute("select entry from consent_ledger where id = %s", [entry]).fetchone()
    for name, value in changes.items():
        said = json.loads(text)
        text = text.replace(f'"{name}":{json.dumps(said[name])}', f'"{name}":{json.dumps(value)}')
        column = next(field.column for field in fields.FIELDS if field.name == name)
        owner.execute(f"update consent_ledger set {column} = %s where id = %s", [value, entry])
    digest = sha256(text.encode()).digest()
    owner.execute("update consent_ledger set entry = %s, hash = %s where id = %s", [text, digest, entry])


def test_a_consistent_forgery_breaks_chain_head_or_checkpoint(ledger, as_owner):
    """Only the private key, which is not in the database, would make this whole."""
    [entry, contact] = as_owner.execute("select id, contact_id from consent_ledger order by id limit 1").fetchone()
    with tampering(as_owner):
        rehash(as_owner, entry, source="api")
        assert not verify(ledger).whole
        # The last entry of a chain, with the head made to fit: the checkpoint alone knows.
        rehash(as_owner, entry, source="hosted_form")
        assert verify(ledger).whole
        [last] = as_owner.execute("select max(id) from consent_ledger where contact_id = %s", [contact]).fetchone()
        rehash(as_owner, last, source="api")
        as_owner.execute(
            "update consent_state s set head_hash = l.hash from consent_ledger l where l.id = %s and s.contact_id = %s",
            [last, contact],
        )
        report = verify(ledger)
        assert not report.whole and "checkpoint 1" in str(report.first)


def test_an_entry_slipped_in_under_a_checkpoint_is_found(ledger, as_owner):
    with tampering(as_owner):
        ids = [id for (id,) in as_owner.execute("select id from consent_ledger order by id")]
        gap = next((id for id in range(ids[0], ids[11]) if id not in ids), ids[0] - 1)
        if gap < ids[0]:
            as_owner.execute("delete from consent_ledger where id = %s", [ids[3]])
            gap = ids[3]
        names = ", ".join(c.column for c in LedgerEntry._meta.concrete_fields if c.column != "id")
        as_owner.execute(
            f"insert into consent_ledger (id, {names}) overriding system value select %s, {names} from consent_ledger"
            " where id = %s",
            [gap, ids[-1]],
        )
    assert first(verify(ledger)) == gap


@pytest.mark.parametrize(
    "change",
    [
        "text = replace(text, '\"count\":8', '\"count\":7')",
        "hash = set_byte(hash, 0, get_byte(hash, 0) # 1)",
        "root = set_byte(root, 31, get_byte(root, 31) # 128)",
        "count = count + 1",
        "first_id = first_id - 1",
        "last_id = last_id - 1",
        "leaf_ids = leaf_ids[2:] || leaf_ids[1]",
        "leaf_ids = leaf_ids[2:]",
        "signature = set_byte(signature, 5, get_byte(signature, 5) # 4)",
        "public_key = set_byte(public_key, 5, get_byte(public_key, 5) # 4)",
        "made_at = made_at + interval '1 microsecond'",
        "number = 7",
    ],
)
def test_a_changed_checkpoint_is_found(ledger, as_owner, change):
    with tampering(as_owner):
        as_owner.execute(f"update consent_checkpoint set {change} where number = 1")
    report = verify(ledger)
    assert not report.whole and "checkpoint" in str(report.first)


@pytest.mark.parametrize("number", [1, 2])
def test_a_removed_checkpoint_is_found(ledger, as_owner, number):
    with tampering(as_owner):
        as_owner.execute("delete from consent_checkpoint where number = %s", [number])
    assert not verify(ledger).whole


def test_an_end_that_was_cut_off_with_its_checkpoint_is_found(ledger, as_owner):
    """Entries, state and checkpoint go together; what was written down outside the database still knows."""
    with tampering(as_owner):
        [after] = as_owner.execute("select last_id from consent_checkpoint where number = 1").fetchone()
        gone = "select contact_id from consent_ledger where id > %s"
        as_owner.execute(f"delete from consent_state where contact_id in ({gone})", [after])
        as_owner.execute("delete from consent_ledger where id > %s", [after])
        as_owner.execute("delete from consent_checkpoint where number = 2")
        as_owner.execute("delete from consent_evidence where ledger_id > %s", [after])
    assert "cut off" in str(verify(ledger).first)


def test_a_checkpoint_signed_by_another_key_is_found(ledger, tmp_path, settings):
    settings.DATA_DIR = tmp_path / "elsewhere"
    report = verify(ledger)
    assert any("never had" in one.what for one in report.findings)


@pytest.mark.parametrize("change", ["salt = set_byte(salt, 3, get_byte(salt, 3) # 1)", "data = data || ' '"])
def test_changed_evidence_is_found(ledger, as_owner, change):
    [entry] = as_owner.execute("select min(ledger_id) from consent_evidence").fetchone()
    as_owner.execute(f"update consent_evidence set {change} where ledger_id = %s", [entry])
    assert first(verify(ledger)) == entry


def test_evidence_for_another_entry_is_found(ledger, as_owner):
    as_owner.execute(
        "update consent_evidence set ledger_id = ledger_id + 1000000 where id = (select min(id) from consent_evidence)"
    )
    assert not verify(ledger).whole


def test_evidence_that_was_slipped_in_is_found(ledger, as_owner):
    for entry in (
        "(select ledger_id from consent_evidence order by id limit 1)",
        "(select max(id) from consent_ledger)",
    ):
        as_owner.execute(
            f"insert into consent_evidence (shop_id, ledger_id, salt, data) values (%s, {entry}, 'x', '{{}}')",
            [ledger.pk],
        )
        assert not verify(ledger).whole
        as_owner.execute("delete from consent_evidence where salt = 'x'")


@pytest.mark.parametrize(
    "erasure", ["delete from consent_evidence", "update consent_evidence set data = '', salt = ''"]
)
def test_erased_evidence_leaves_the_ledger_whole(ledger, as_owner, erasure):
    as_owner.execute(erasure)
    assert verify(ledger).whole


def test_a_changed_head_is_found(ledger, as_owner):
    as_owner.execute(
        "update consent_state set head_hash = set_byte(head_hash, 0, get_byte(head_hash, 0) # 1)"
        " where contact_id = (select min(contact_id) from consent_state)"
    )
    assert "last" in str(verify(ledger).first)


def test_a_contact_without_any_of_its_entries_is_found(ledger, as_owner):
    with tampering(as_owner):
        as_owner.execute("delete from consent_ledger where contact_id = (select max(contact_id) from consent_ledger)")
    assert not verify(ledger).whole
