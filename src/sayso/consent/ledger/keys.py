"""The Ed25519 keys that sign checkpoints and proof packs (RFC 8032).

They lie in files of the data directory, outside the database, so that nobody who can write the database can sign. One
key signs; :func:`rotate` makes the next one, lets the old one endorse it, and destroys the old one's private half. All
public halves stay: what they signed is verified for ever.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

ENDORSEMENT = b"sayso ledger key: "
"""What an old key signs of a new one: this and the 32 bytes of the new public key."""


class KeyTrouble(Exception):
    """The key files cannot be used; says which and what to do."""


@dataclass(frozen=True)
class PublicKey:
    """The public half of a key. ``id`` is the beginning of the SHA-256 of its 32 bytes, ``fingerprint`` all of it."""

    public: bytes
    created_at: datetime
    retired_at: datetime | None = None
    previous: str | None = None
    endorsement: bytes | None = None  # by the previous key

    @property
    def fingerprint(self) -> str:
        return sha256(self.public).hexdigest()

    @property
    def id(self) -> str:
        return self.fingerprint[:16]

    def signed(self, text: bytes, signature: bytes) -> bool:
        return is_signature(self.public, text, signature)

    def described(self) -> dict[str, str | None]:
        """As it stands in its file and in a proof pack."""
        return {
            "id": self.id,
            "fingerprint": self.fingerprint,
            "public": self.public.hex(),
            "created_at": self.created_at.isoformat(),
            "retired_at": self.retired_at.isoformat() if self.retired_at else None,
            "previous": self.previous,
            "endorsement": self.endorsement.hex() if self.endorsement else None,
        }


@dataclass(frozen=True)
class Signer:
    """The key that signs now."""

    key: PublicKey
    _private: Ed25519PrivateKey

    def sign(self, text: bytes) -> bytes:
        """64 bytes."""
        return self._private.sign(text)


def is_signature(public: bytes, text: bytes, signature: bytes) -> bool:
    """Whether the key signed the text; False too for bytes that are no key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def known() -> list[PublicKey]:
    """Every key there ever was, the oldest first."""
    found = [_read(path) for path in _directory().glob("*.json")] if _directory().exists() else []
    return sorted(found, key=lambda key: (key.created_at, key.id))


def signer() -> Signer:
    """The key that signs now; the first one is made. Raises KeyTrouble where its private half is missing or unreadable."""
    with _lock():
        return _current() or _make(previous=None)


def rotate() -> PublicKey:
    """Make the next key: endorsed by the present one, whose private half is destroyed then. Answers the new one."""
    with _lock():
        old = _current()
        new = _make(previous=old)
        if old:
            retired = PublicKey(
                old.key.public, old.key.created_at, datetime.now(UTC), old.key.previous, old.key.endorsement
            )
            _write(_directory() / f"{old.key.id}.json", json.dumps(retired.described(), indent=1).encode(), 0o644)
            _private_file(old.key).unlink()
        return new.key


def _directory() -> Path:
    return Path(settings.DATA_DIR) / "ledger" / "keys"


def _private_file(key: PublicKey) -> Path:
    return _directory() / f"{key.id}.pem"


@contextmanager
def _lock() -> Iterator[None]:
    """One maker of keys at a time: two processes that need the first key agree on one."""
    _directory().mkdir(parents=True, exist_ok=True, mode=0o700)
    with (_directory() / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _current() -> Signer | None:
    """The newest key; None where there is none yet."""
    keys = known()
    if not keys:
        return None
    path = _private_file(keys[-1])
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise KeyTrouble(
            f"the signing key {keys[-1].id} cannot be read from {path} ({type(error).__name__}): put it back from a"
            " backup, or delete the .json file of that name beside it and lose what it signed"
        ) from error
    if not isinstance(private, Ed25519PrivateKey) or _raw(private) != keys[-1].public:
        raise KeyTrouble(f"{path} does not hold the key that {keys[-1].id}.json names: put it back from a backup")
    return Signer(keys[-1], private)


def _make(previous: Signer | None) -> Signer:
    private = Ed25519PrivateKey.generate()
    public = _raw(private)
    key = PublicKey(
        public,
        datetime.now(UTC),
        previous=previous.key.id if previous else None,
        endorsement=previous.sign(ENDORSEMENT + public) if previous else None,
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # The private half first: a crash in between leaves a file that nobody names.
    _write(_private_file(key), pem, 0o600)
    _write(_directory() / f"{key.id}.json", json.dumps(key.described(), indent=1).encode(), 0o644)
    return Signer(key, private)


def _raw(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _read(path: Path) -> PublicKey:
    try:
        said = json.loads(path.read_text())
        times = [said[name] and datetime.fromisoformat(said[name]) for name in ("created_at", "retired_at")]
        endorsement = said["endorsement"] and bytes.fromhex(said["endorsement"])
        key = PublicKey(bytes.fromhex(said["public"]), times[0], times[1], said["previous"], endorsement)
    except (ValueError, KeyError, TypeError) as error:
        raise KeyTrouble(f"{path} is no key file: put it back from a backup") from error
    if key.id != path.stem:
        raise KeyTrouble(f"{path} holds another key than its name says: put it back from a backup")
    return key


def _write(path: Path, content: bytes, mode: int) -> None:
    """All or nothing, on the disk before it is seen."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
