"""The proof pack of a shop, checked by its own program in a process that knows nothing of sayso."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from tests.consent.ledger_people import make_shop, people, tampering

from sayso.consent import exports
from sayso.consent.ledger import checkpoint, keys
from sayso.consent.models import Export
from sayso.consent.proof import formats, pack
from sayso.consent.proof.writing import Stopped
from sayso.shops.tenancy import shop_context


@pytest.fixture(autouse=True)
def own_files(tmp_path, settings, monkeypatch):
    settings.DATA_DIR = tmp_path / "data"
    monkeypatch.setattr(pack, "ENTRIES", 3)
    monkeypatch.setattr(checkpoint, "MOST_LEAVES", 5)


@pytest.fixture
def shop(committed):
    made = make_shop()
    people(made, 2)
    checkpoint.checkpoint(made.pk)
    keys.rotate()
    people(made, 2, first=3)
    return made


def ask(shop, kind: str = "proof_pack", **parameters) -> int:
    with shop_context(shop.pk):
        return exports.request(kind, parameters, actor_kind="staff", actor_id="1").pk


def unzipped(shop, tmp_path: Path) -> Path:
    done = exports.run(shop.pk, ask(shop))
    assert done and done.state == "DONE" and done.done == done.total
    with zipfile.ZipFile(exports.file_of(done)) as file:
        file.extractall(tmp_path / "unzipped")
    [folder] = (tmp_path / "unzipped").iterdir()
    return folder


def check(path: Path, *options: str, program: Path | None = None) -> tuple[int, str]:
    """The program of the pack, isolated: no environment, no user's packages, another working directory."""
    program = program or (path if path.is_dir() else path.parent) / "verify.py"
    done = subprocess.run(
        [sys.executable, "-I", str(program), str(path), *options],
        check=False, capture_output=True, text=True, cwd="/", env={}, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_whole_pack(shop, tmp_path):
    folder = unzipped(shop, tmp_path)
    status, said = check(folder)
    assert (status, "WHOLE" in said, "16 entries of 4 contacts, 4 checkpoints, 4 pieces" in said) == (0, True, True), (
        said
    )
    assert {path.name for path in folder.iterdir()} == {
        "README.txt", "verify.py", "keys.json", "ledger.jsonl", "evidence.jsonl", "checkpoints.jsonl", "leaves.txt",
        "manifest.json", "manifest.sig",
    }  # fmt: skip
    source = (folder / "verify.py").read_text()
    assert "sayso" not in "".join(line for line in source.splitlines() if line.startswith(("import", "from")))
    assert keys.known()[-1].fingerprint in (folder / "README.txt").read_text()


def test_a_pinned_key_covers_what_it_endorsed(shop, tmp_path):
    folder = unzipped(shop, tmp_path)
    old, new = keys.known()
    assert check(folder, "--key", old.fingerprint)[0] == 0
    # The newer one did not sign the older checkpoints, and was endorsed by the older: not the other way round.
    assert check(folder, "--key", new.fingerprint)[0] == 1
    assert check(folder, "--key", "0" * 64)[0] == 1


def test_a_key_that_somebody_else_made(shop, tmp_path, settings):
    folder = unzipped(shop, tmp_path)
    pinned = keys.known()[0].fingerprint
    settings.DATA_DIR = tmp_path / "forger"
    forged = keys.signer()
    (folder / "keys.json").write_text(json.dumps({"keys": [forged.key.described()]}))
    status, said = check(folder)
    assert status == 1 and "not trusted" in said
    assert check(folder, "--key", pinned)[0] == 1


def lines(folder: Path, name: str = "ledger.jsonl") -> list[bytes]:
    return (folder / name).read_bytes().splitlines(keepends=True)


def test_any_changed_byte_of_any_entry_is_named(shop, tmp_path):
    folder = unzipped(shop, tmp_path)
    whole, chance = lines(folder), random.Random(7)
    for number, line in enumerate(whole):
        id = json.loads(line)["id"]
        for at in chance.sample(range(len(line) - 1), 4):
            changed = line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]
            (folder / "ledger.jsonl").write_bytes(b"".join([*whole[:number], changed, *whole[number + 1 :]]))
            status, said = check(folder)
            # A changed number may make it look like another entry: then the one that is missing is named, or the stranger.
            assert status == 1 and (
                f"BROKEN: entry {id}" in said or ("id" in json.loads(line) and b'"id":' in line[at - 8 : at])
            ), said


def test_removed_repeated_and_swapped_entries_are_named(shop, tmp_path):
    folder = unzipped(shop, tmp_path)
    whole = lines(folder)
    ids = [json.loads(line)["id"] for line in whole]
    for number in (0, 5, 15):
        (folder / "ledger.jsonl").write_bytes(b"".join(whole[:number] + whole[number + 1 :]))
        status, said = check(folder)
        assert status == 1 and f"BROKEN: entry {ids[number]}" in said, said
    (folder / "ledger.jsonl").write_bytes(b"".join([*whole[:4], whole[3], *whole[4:]]))
    status, said = check(folder)
    assert status == 1 and f"BROKEN: entry {ids[3]}" in said, said
    (folder / "ledger.jsonl").write_bytes(b"".join([*whole[:6], whole[7], whole[6], *whole[8:]]))
    status, said = check(folder)
    assert status == 1 and f"BROKEN: entry {ids[6]}" in said, said


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_a_pack_that_was_cut_short_everywhere_is_found(shop, tmp_path, kept):
    """The last checkpoints, and all that they cover, are gone: the signed list of files still knows."""
    folder = unzipped(shop, tmp_path)
    checkpoints = lines(folder, "checkpoints.jsonl")[:kept]
    entries = sum(json.loads(json.loads(line)["text"])["count"] for line in checkpoints)
    for name, number in (("checkpoints.jsonl", kept), ("leaves.txt", entries), ("ledger.jsonl", entries)):
        (folder / name).write_bytes(b"".join(lines(folder, name)[:number]))
    status, said = check(folder, "--all")
    assert status == 1 and "cut short" in said, said


@pytest.mark.parametrize(
    "name", ["evidence.jsonl", "checkpoints.jsonl", "leaves.txt", "keys.json", "manifest.json", "manifest.sig"]
)
def test_any_changed_byte_of_any_other_file_is_found(shop, tmp_path, name):
    folder = unzipped(shop, tmp_path)
    whole, chance = (folder / name).read_bytes(), random.Random(11)
    for at in chance.sample(range(len(whole) - 1), 25):
        (folder / name).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        status, said = check(folder)
        assert status == 1, (at, whole[max(0, at - 20) : at + 20], said)


@pytest.mark.parametrize(
    "name", ["ledger.jsonl", "evidence.jsonl", "checkpoints.jsonl", "leaves.txt", "keys.json", "manifest.json"]
)
def test_a_missing_file_is_found(shop, tmp_path, name):
    folder = unzipped(shop, tmp_path)
    (folder / name).unlink()
    assert check(folder)[0] == 1


@pytest.mark.parametrize("name", ["ledger.jsonl", "evidence.jsonl", "checkpoints.jsonl", "keys.json", "manifest.json"])
def test_a_file_nested_beyond_reading_is_found(shop, tmp_path, name):
    folder = unzipped(shop, tmp_path)
    (folder / name).write_text("[" * 100_000 + "\n")
    assert check(folder)[0] == 1


def test_what_is_no_pack_is_said(shop, tmp_path):
    program = unzipped(shop, tmp_path) / "verify.py"
    (tmp_path / "empty").mkdir()
    assert check(tmp_path / "empty", program=program)[0] == 2
    assert check(tmp_path / "nowhere", program=program)[0] == 2


def test_a_pack_of_a_broken_ledger_names_what_is_broken(shop, tmp_path, as_owner):
    checkpoint.checkpoint(shop.pk)
    with tampering(as_owner):
        [gone] = as_owner.execute(
            "delete from consent_ledger where id = (select id from consent_ledger order by id offset 5 limit 1) returning id"
        ).fetchone()
    status, said = check(unzipped(shop, tmp_path))
    assert status == 1 and f"BROKEN: entry {gone}" in said, said


def test_erased_evidence_is_no_break(shop, tmp_path, as_owner):
    as_owner.execute("update consent_evidence set data = '', salt = ''")
    assert check(unzipped(shop, tmp_path))[0] == 0


def test_the_proof_of_one_contact_is_checked_too(shop, tmp_path):
    folder = unzipped(shop, tmp_path)
    with shop_context(shop.pk):
        contact = json.loads(lines(folder)[0])["contact"]
        content = formats.make(shop, contact, "jsonl", actor_kind="staff").content
    file = folder / "one.jsonl"
    file.write_bytes(content)
    status, said = check(file, "--key", keys.known()[0].fingerprint)
    assert status == 0 and "4 entries" in said, said
    whole, chance = content.splitlines(keepends=True), random.Random(3)
    for at in chance.sample(range(content.index(b"\n") + 1, len(content) - 1), 40):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert check(file)[0] == 1, content[at - 40 : at + 40]
    for number in range(1, 6):
        file.write_bytes(b"".join(whole[:number] + whole[number + 1 :]))
        assert check(file)[0] == 1


def test_a_proof_whose_end_was_cut_off_or_written_anew_is_found(shop, tmp_path):
    """The last entry, an opt-out perhaps, under no checkpoint yet; whoever alters the file puts its own figures right."""
    folder = unzipped(shop, tmp_path)
    with shop_context(shop.pk):
        contact = json.loads(lines(folder)[0])["contact"]
        content = formats.make(shop, contact, "jsonl", actor_kind="staff").content
    file = folder / "one.jsonl"
    head, *entries, seal = [json.loads(line) for line in content.splitlines()]

    def tried(*entries: dict, seal: dict | None = seal) -> tuple[int, str]:
        written = [head | {"entries": len(entries)}, *entries, *([seal] if seal else [])]
        file.write_text("".join(f"{json.dumps(one, separators=(',', ':'), ensure_ascii=False)}\n" for one in written))
        return check(file)

    assert tried(*entries)[0] == 0
    assert tried(*entries[:-1])[0] == 1
    status, said = tried(*entries[:-1], seal=None)
    assert status == 1 and "no seal" in said
    forged = entries[-1]["entry"].replace('"code":null', '"code":"STALE"')
    anew = entries[-1] | {"entry": forged, "hash": sha256(forged.encode()).hexdigest(), "checkpoint": None}
    assert tried(*entries[:-1], anew)[0] == tried(*entries[:-1], anew, seal=None)[0] == 1
    assert any(one["evidence"] for one in entries)
    assert tried(*(one | {"evidence": []} for one in entries))[0] == 1
    assert tried(*entries[:-1], entries[-1] | {"wording": "I agree to everything"})[0] == 1


# The export behind it


def test_an_export_that_was_interrupted_goes_on_where_it_stopped(shop, tmp_path):
    id, looks = ask(shop), iter(range(1000))
    with pytest.raises(Stopped):
        exports.run(shop.pk, id, should_stop=lambda: next(looks) == 3)
    with shop_context(shop.pk):
        row = Export.objects.get(pk=id)
        assert row.state == "RUNNING" and row.done == 9 and row.position["after"]
    # The crash came while a chunk was being written that the database knows nothing of.
    part = exports.directory(shop.pk, id) / "ledger.jsonl"
    with part.open("ab") as file:
        file.write(b'{"half a li')
    done = exports.run(shop.pk, id)
    assert done.state == "DONE" and done.done == 16
    with zipfile.ZipFile(exports.file_of(done)) as file:
        file.extractall(tmp_path / "again")
    [folder] = (tmp_path / "again").iterdir()
    assert check(folder)[0] == 0


def test_what_was_interrupted_is_the_same_file(shop, settings, monkeypatch):
    monkeypatch.setattr("sayso.consent.proof.listings.CHUNK", 3)
    for kind in ("ledger_csv", "ledger_jsonl"):
        straight = exports.run(shop.pk, ask(shop, kind))
        halting, looks = ask(shop, kind), iter(range(1000))
        with pytest.raises(Stopped):
            exports.run(shop.pk, halting, should_stop=lambda looks=looks: next(looks) == 4)
        assert exports.run(shop.pk, halting).sha256 == straight.sha256


def test_a_finished_export_is_not_written_again(shop):
    id = ask(shop)
    exports.run(shop.pk, id)
    assert exports.run(shop.pk, id) is None


def test_expired_files_are_deleted(shop):
    id = ask(shop, "ledger_jsonl")
    done = exports.run(shop.pk, id)
    path = exports.file_of(done)
    assert path and path.exists() and exports.expire() == 0
    with shop_context(shop.pk):
        Export.objects.filter(pk=id).update(expires_at=done.finished_at)
    assert exports.expire() == 1 and not path.exists()
    with shop_context(shop.pk):
        gone = Export.objects.get(pk=id)
        assert gone.state == "EXPIRED" and exports.file_of(gone) is None


def test_a_failed_export_says_why_and_leaves_nothing(shop):
    id = ask(shop, "ledger_jsonl")
    exports.fail(shop.pk, id, "the disk is full")
    with shop_context(shop.pk):
        assert Export.objects.get(pk=id).error == "the disk is full"
    assert not exports.directory(shop.pk, id).exists()


def test_the_ledger_with_filters(shop):
    opt_outs = exports.run(shop.pk, ask(shop, "ledger_jsonl", event="OPT_OUT"))
    rows = [json.loads(line) for line in exports.file_of(opt_outs).read_text().splitlines()]
    assert opt_outs.total == 4 and {row["entry"]["event"] for row in rows} == {"OPT_OUT"}
    shutil.rmtree(exports.directory(shop.pk, opt_outs.pk))
