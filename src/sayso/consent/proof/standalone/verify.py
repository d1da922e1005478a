#!/usr/bin/env python3
"""Check a proof of consent without the system that made it.

    python verify.py [FOLDER] [--key FINGERPRINT]     a proof pack, unzipped; this file's own folder by default
    python verify.py FILE.jsonl [--key FINGERPRINT]   the proof of one contact

Needs Python 3.8 or newer and the package `cryptography` (pip install cryptography), nothing else. Exit status: 0 if
everything fits, 1 if something does not (the first broken entry is named), 2 if it could not be checked at all.

Computed again: the signature of every checkpoint (Ed25519) and its link to the one before; its Merkle root (RFC 6962) from
the hashes of its entries; every entry's SHA-256, so that a changed, missing, extra or misplaced one is named; the chain of
every contact; evidence against its salted digest (erased evidence is absent, and that is no error); the signed list of files,
which shows whether the pack was cut short.

A pack carries the public keys. That the keys are the shop's own only you can know: compare the fingerprint printed at the
end with the one that the shop publishes, or give it with --key.
"""

import argparse
import hashlib
import itertools
import json
import sys
from pathlib import Path

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    print("verify.py needs the package cryptography: pip install cryptography", file=sys.stderr)
    sys.exit(2)

ENDORSEMENT = b"sayso ledger key: "
KEPT = 1000  # findings kept with their words


class Unusable(Exception):
    """There is nothing here that could be checked."""


class Findings:
    """What does not fit. `entry` is 0 where it concerns no single entry; `follows` where a neighbour is to blame."""

    def __init__(self):
        self.number = 0
        self.first = None
        self.shown = []

    def add(self, entry, what, contact=None, follows=False):
        self.number += 1
        where = "entry %d%s" % (entry, " of contact %s" % contact if contact else "") if entry else "the pack"
        found = ((entry == 0, follows, entry), "%s: %s" % (where, what))
        if self.first is None or found[0] < self.first[0]:
            self.first = found
        if len(self.shown) < KEPT:
            self.shown.append(found)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def is_signature(public, text, signature):
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True


def trusted_keys(keys, pinned, findings):
    """Public key -> fingerprint. With a pinned fingerprint only that key, and those it endorsed, directly or not."""
    by_id = {}
    for key in keys:
        print_ = sha256(bytes.fromhex(key["public"]))
        if key.get("fingerprint") != print_ or key.get("id") != print_[:16]:
            findings.add(0, "key %s is not the one its fingerprint names" % key.get("id"))
        by_id[print_[:16]] = (key, print_)
    if pinned is None:
        return {key["public"]: print_ for key, print_ in by_id.values()}
    trusted = {key["public"]: print_ for key, print_ in by_id.values() if print_ == pinned}
    if not trusted:
        findings.add(0, "the key %s is not among those of this proof" % pinned)
    while True:
        more = {}
        for key, print_ in by_id.values():
            before = by_id.get(key.get("previous") or "")
            if key["public"] in trusted or before is None or before[0]["public"] not in trusted:
                continue
            text = ENDORSEMENT + bytes.fromhex(key["public"])
            if is_signature(before[0]["public"], text, key.get("endorsement") or ""):
                more[key["public"]] = print_
        if not more:
            return trusted
        trusted.update(more)


class Tree:
    """Merkle tree hash of RFC 6962 over a stream of leaves."""

    def __init__(self):
        self.size, self.whole = 0, []

    def add(self, leaf):
        node, size = hashlib.sha256(b"\x00" + leaf).digest(), self.size
        while size & 1:
            node = hashlib.sha256(b"\x01" + self.whole.pop() + node).digest()
            size >>= 1
        self.whole.append(node)
        self.size += 1

    def root(self):
        if not self.whole:
            return sha256(b"")
        node = self.whole[-1]
        for left in reversed(self.whole[:-1]):
            node = hashlib.sha256(b"\x01" + left + node).digest()
        return node.hex()


def lines(path, keep=False):
    """Lines of a file, without their ends unless kept; a file that is missing has none."""
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                yield line if keep else line.rstrip(b"\n")


def as_object(line):
    try:
        said = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):  # not JSON, or nested so deeply that nobody can read it
        return None
    return said if isinstance(said, dict) else None


def check_signed(said, number, previous, trusted, findings):
    """A checkpoint's text, signature and place in the chain; its statement, or None where it is none."""
    name = "checkpoint %s" % number
    text = str(said.get("text", "")).encode()
    statement = as_object(text)
    if statement is None:
        findings.add(0, "%s: its text is not JSON" % name)
        return None
    public = str(said.get("public_key", ""))
    if public not in trusted:
        findings.add(0, "%s is signed with a key that is not trusted" % name)
    if not is_signature(public, text, str(said.get("signature", ""))):
        findings.add(0, "%s: its signature does not fit its text" % name)
    if number is not None and statement.get("number") != number:
        findings.add(0, "%s is missing: checkpoint %s stands in its place" % (name, statement.get("number")))
    if number is not None and statement.get("previous") != previous:
        findings.add(0, "%s does not name the checkpoint before it" % name)
    return statement


def leaves_of(folder, findings, seen, trusted):
    """Walk the checkpoints; yields (id, hash) of every entry they cover, in order, and checks them on the way."""
    listed = lines(folder / "leaves.txt")
    previous, number = None, 0
    for line in lines(folder / "checkpoints.jsonl"):
        number += 1
        said = as_object(line) or {}
        statement = check_signed(said, number, previous, trusted, findings)
        if not statement:
            continue
        text = said["text"].encode()
        previous = sha256(text)
        number = statement.get("number", number)
        if statement.get("shop") != seen.setdefault("shop", statement.get("shop")):
            findings.add(0, "checkpoint %s is of another shop" % number)
        tree, ids, absent = Tree(), [], 0
        for _ in range(int(statement.get("count", 0))):
            leaf = next(listed, None)
            if leaf is None:
                findings.add(0, "leaves.txt ends before the entries of checkpoint %d do" % number)
                break
            try:
                id_, hash_ = leaf.decode().split(" ")
                ids.append(int(id_))
                if hash_ == "missing":
                    findings.add(ids[-1], "it was signed, and it was gone when this pack was made")
                    absent += 1
                    continue
                tree.add(bytes.fromhex(hash_))
            except ValueError:
                findings.add(0, "leaves.txt has a line that is no entry: %r" % leaf[:100])
                continue
            yield ids[-1], hash_
        if not absent and tree.root() != statement.get("root"):
            findings.add(0, "the entries listed in leaves.txt do not give the root that checkpoint %d signed" % number)
        if not ids or ids[0] != statement.get("first") or ids[-1] != statement.get("last") or ids != sorted(set(ids)):
            findings.add(0, "the entries listed for checkpoint %d are not the ones it names" % number)
        seen["checkpoints"] += 1
    if next(listed, None) is not None:
        findings.add(0, "leaves.txt lists entries that are under no checkpoint")
    seen["last"] = previous


def evidence_of(folder, findings):
    """(entry id, [evidence]) in the order of the ids."""
    current, rows = None, []  # type: ignore[var-annotated]
    for line in lines(folder / "evidence.jsonl"):
        said = as_object(line)
        if said is None or not isinstance(said.get("entry"), int):
            findings.add(0, "evidence.jsonl has a line that is no evidence: %r" % line[:100])
            continue
        if current is not None and said["entry"] < current:
            findings.add(said["entry"], "its evidence is out of order")
            continue
        if said["entry"] != current:
            if current is not None:
                yield current, rows
            current, rows = said["entry"], []
        rows.append(said)
    if current is not None:
        yield current, rows


def evidence_fits(rows, digest):
    try:
        return all(sha256(bytes.fromhex(row["salt"]) + row["data"].encode()) == digest for row in rows)
    except (KeyError, ValueError, AttributeError):
        return False


def check_entries(folder, findings, seen, trusted):
    """Every entry against the list of leaves, the chain of its contact, and its evidence."""
    leaves = leaves_of(folder, findings, seen, trusted)
    evidence = evidence_of(folder, findings)
    leaf, proof = next(leaves, None), next(evidence, None)
    heads = {}  # type: ignore[var-annotated]  # contact -> hash of its last entry
    for line in lines(folder / "ledger.jsonl"):
        seen["entries"] += 1
        hash_, said = sha256(line), as_object(line)
        id_ = said.get("id") if said else None
        if not isinstance(id_, int):
            if leaf:
                findings.add(leaf[0], "its line in ledger.jsonl is not what was signed")
                leaf = next(leaves, None)
            else:
                findings.add(0, "ledger.jsonl has a line that is no entry: %r" % line[:100])
            continue
        contact = said.get("contact")
        while leaf and leaf[0] < id_ and leaf[1] != hash_:
            findings.add(leaf[0], "it was signed, but it is missing or elsewhere in ledger.jsonl")
            leaf = next(leaves, None)
        if leaf and leaf[1] == hash_:
            leaf = next(leaves, None)
        elif leaf and leaf[0] == id_:
            findings.add(id_, "it is not what was signed: its SHA-256 differs", contact)
            leaf = next(leaves, None)
        else:
            findings.add(id_, "no checkpoint covers it here: it was added, repeated, changed or put elsewhere", contact)
        if said.get("shop") != seen.get("shop", said.get("shop")):
            findings.add(id_, "it is of another shop", contact)
        if said.get("prev") != heads.get(contact):
            findings.add(id_, "it does not follow on the contact's entry before it", contact, follows=True)
        heads[contact] = hash_
        while proof and proof[0] < id_:
            findings.add(proof[0], "there is evidence for it, but no such entry")
            proof = next(evidence, None)
        if proof and proof[0] == id_:
            seen["evidence"] += len(proof[1])
            if not evidence_fits(proof[1], said.get("evidence")):
                findings.add(id_, "its evidence is not what it was made with", contact)
            proof = next(evidence, None)
    for id_, _ in itertools.chain([leaf] if leaf else [], leaves):
        findings.add(id_, "it was signed and is missing at the end of ledger.jsonl")
    for id_, _ in itertools.chain([proof] if proof else [], evidence):
        findings.add(id_, "there is evidence for it, but no such entry")
    seen["contacts"] = len(heads)


def check_manifest(folder, findings, seen, trusted):
    """The signed list of files."""
    path = folder / "manifest.json"
    text = path.read_bytes() if path.exists() else b""
    said = as_object(text)
    if said is None or not isinstance(said.get("files"), dict):
        findings.add(0, "manifest.json is missing or not JSON: whether the pack is complete cannot be known")
        return
    signature = (folder / "manifest.sig").read_text().strip() if (folder / "manifest.sig").exists() else ""
    if not any(is_signature(public, text, signature) for public in trusted):
        findings.add(0, "manifest.json is not signed with a trusted key")
    for name, expected in said["files"].items():
        file = folder / name
        digest = hashlib.sha256()
        for line in lines(file, keep=True):
            digest.update(line)
        if digest.hexdigest() != expected.get("sha256"):
            findings.add(0, "%s is not the file that manifest.json names" % name)
    for name, found in (("entries", seen["entries"]), ("checkpoints", seen["checkpoints"]), ("last", seen["last"])):
        if said.get(name) != found:
            findings.add(
                0, "manifest.json says %s %s, the pack has %s: it was cut short" % (name, said.get(name), found)
            )


def check_pack(folder, pinned):
    if not (folder / "ledger.jsonl").exists() and not (folder / "checkpoints.jsonl").exists():
        raise Unusable("%s is no unzipped proof pack: it has neither ledger.jsonl nor checkpoints.jsonl" % folder)
    findings = Findings()
    keys = as_object((folder / "keys.json").read_bytes()) if (folder / "keys.json").exists() else None
    if not keys or not isinstance(keys.get("keys"), list):
        findings.add(0, "keys.json is missing or not JSON")
        keys = {"keys": []}
    trusted = trusted_keys(keys["keys"], pinned, findings)
    seen = {"entries": 0, "checkpoints": 0, "contacts": 0, "evidence": 0, "last": None}
    check_entries(folder, findings, seen, trusted)
    check_manifest(folder, findings, seen, trusted)
    counted = (
        "%(entries)d entries of %(contacts)d contacts, %(checkpoints)d checkpoints, %(evidence)d pieces of evidence"
    )
    return findings, counted % seen, trusted


def follows_path(hash_, index, size, path):
    """The root that a leaf and its path give (RFC 9162, section 2.1.3.2); None where the path has another length."""
    node, rest = hashlib.sha256(b"\x00" + bytes.fromhex(hash_)).digest(), [bytes.fromhex(one) for one in path]
    while size > 1:
        if index ^ 1 < size:
            if not rest:
                return None
            other = rest.pop(0)
            node = hashlib.sha256(b"\x01" + (other + node if index & 1 else node + other)).digest()
        index, size = index // 2, (size + 1) // 2
    return None if rest else node.hex()


def check_seal(file, trusted, findings):
    """The last line: a signature over the lines before it. Without it the end may be cut off, and whatever no checkpoint
    covers may be anybody's."""
    digest, last = hashlib.sha256(), b""
    for line in lines(file, keep=True):
        digest.update(last)
        last = line
    said = as_object(last) or {}
    text, public = str(said.get("seal", "")).encode(), str(said.get("public_key", ""))
    statement = as_object(text) or {}
    if statement.get("format") != "sayso-proof-seal-1" or set(said) != {"seal", "signature", "public_key"}:
        findings.add(0, "the proof has no seal at its end: it was cut short")
    elif public not in trusted or not is_signature(public, text, str(said.get("signature", ""))):
        findings.add(0, "the seal of the proof is not signed with a trusted key")
    elif statement.get("sha256") != digest.hexdigest():
        findings.add(0, "the proof is not the one that was sealed: a line was changed, removed or added")


def check_contact(file, pinned):
    """The proof of one contact: its seal, each entry, its way to a signed root, and the chain."""
    findings, rows = Findings(), lines(file)
    head = as_object(next(rows, b""))
    if not head or head.get("format") != "sayso-proof-2":
        raise Unusable("%s is no proof of a contact, or one of an older form: ask for it again" % file)
    trusted = trusted_keys(head.get("keys", []), pinned, findings)
    # A contact that became part of this one has a chain of its own.
    heads = dict.fromkeys([head.get("contact"), *(head.get("merged") or [])])
    check_seal(file, trusted, findings)
    entries, uncovered = 0, 0
    for row in rows:
        said = as_object(row)
        if said and "seal" in said:
            continue  # it is the last, or the line before the last is not what was sealed
        entries += 1
        text = str(said.get("entry", "")).encode() if said else b""
        entry = as_object(text)
        if entry is None:
            findings.add(0, "line %d is no entry" % (entries + 1))
            continue
        id_, hash_ = entry.get("id", 0), sha256(text)
        if set(said) != {"entry", "hash", "evidence", "wording", "checkpoint"}:
            findings.add(id_, "its line has other names than every line has", head.get("contact"))
        if hash_ != said.get("hash"):
            findings.add(id_, "it is not what was hashed: its SHA-256 differs", head.get("contact"))
        contact = entry.get("contact")
        if contact not in heads or entry.get("shop") != head.get("shop"):
            findings.add(id_, "it is of another contact or shop", contact)
        if entry.get("prev") != heads.get(contact):
            findings.add(id_, "it does not follow on the entry before it", contact, follows=True)
        heads[contact] = hash_
        if not evidence_fits(said.get("evidence") or [], entry.get("evidence")):
            findings.add(id_, "its evidence is not what it was made with", head.get("contact"))
        cover = said.get("checkpoint")
        if not cover:
            uncovered += 1
            continue
        statement = check_signed(cover, None, None, trusted, findings)
        if statement:
            try:
                root = follows_path(hash_, cover.get("index", 0), statement.get("count", 0), cover.get("path", []))
            except (ValueError, TypeError):
                root = None
            if root != statement.get("root"):
                findings.add(id_, "it does not lead to the root that its checkpoint signed", head.get("contact"))
    if entries != head.get("entries"):
        findings.add(0, "it should have %s entries and has %d: it was cut short" % (head.get("entries"), entries))
    counted = "%d entries of contact %s, %d of them under no checkpoint yet" % (entries, head.get("contact"), uncovered)
    return findings, counted, trusted


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--key", metavar="FINGERPRINT", help="Trust this key alone, and those it endorsed.")
    parser.add_argument("--all", action="store_true", help="Name everything that does not fit, not the first alone.")
    given = parser.parse_args(arguments)
    try:
        check = check_contact if given.path.is_file() else check_pack
        findings, counted, trusted = check(given.path, given.key and given.key.strip().lower())
    except (Unusable, OSError) as error:
        print("cannot check: %s" % error, file=sys.stderr)
        return 2
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        print("BROKEN: a file is not written as it must be (%s: %s)" % (type(error).__name__, error))
        return 1
    print("looked at %s" % counted)
    for fingerprint in sorted(trusted.values()):
        print("key %s" % fingerprint)
    if findings.first is None:
        print("WHOLE: everything fits. Compare the key with the one that the shop publishes.")
        return 0
    print("BROKEN: %s" % findings.first[1])
    if findings.number > 1:
        print("and %d more" % (findings.number - 1))
    if given.all:
        for _, what in sorted(findings.shown):
            print("  " + what)
    return 1


if __name__ == "__main__":
    sys.exit(main())
