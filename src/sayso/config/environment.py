"""Settings from the environment: names, defaults and meaning in one table, rendered into ``docs/settings.md``."""

from __future__ import annotations

import os
import secrets
from functools import lru_cache
from pathlib import Path

VARIABLES: dict[str, tuple[str, str]] = {
    "DATABASE_URL": ("the embedded PostgreSQL", "The application's database role on a server of yours (15 or newer)."),
    "DATABASE_OWNER_URL": ("none", "The owner role on that server; only migrations use it."),
    "SAYSO_DATA": ("./data", "Where the embedded database, the keys and the sandbox keep their files."),
    "SAYSO_SECRET_KEY": ("made once, kept in the data directory", "Signs sessions and encrypts credentials."),
    "SAYSO_SECRET_KEY_FALLBACKS": ("none", "Earlier keys, separated by commas; they only read."),
    "SAYSO_URL": ("http://127.0.0.1:PORT", "The public address. With https, Shopify pushes webhooks to it."),
    "SAYSO_PORT": ("8000, or the next free one", "The port that `sayso up` listens on."),
    "SAYSO_HOST": ("127.0.0.1", "The address it listens on."),
    "SAYSO_METRICS_TOKEN": ("none", "Lets its bearer read `/metrics` from elsewhere than this machine."),
    "SAYSO_SHOPIFY_URL": ("https://{shop}", "Base address of the Admin API for new connections."),
    "SAYSO_META_URL": ("https://graph.facebook.com", "Base address of the WhatsApp Cloud API for new connections."),
    "SAYSO_SMS_URL": ("https://eu.app.api.sinch.com", "Base address of the SMS provider for new connections."),
}
"""Variable → (default, meaning)."""


def get(name: str, default: str = "") -> str:
    """The value of one of :data:`VARIABLES`; a name that is not in the table is a bug, and raises KeyError."""
    VARIABLES[name]
    return os.environ.get(name) or default


def repository() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[3]


@lru_cache
def data_dir() -> Path:
    return Path(get("SAYSO_DATA") or repository() / "data").expanduser().resolve()


def ensure_data_dir() -> Path:
    path = data_dir()
    path.mkdir(parents=True, exist_ok=True)
    return path


@lru_cache
def secret_key() -> str:
    """The configured key, or one made at first use and kept, readable by its owner alone."""
    if configured := get("SAYSO_SECRET_KEY"):
        return configured
    path = ensure_data_dir() / "secret_key"
    try:
        # Written aside and linked into place: two processes starting at once agree on one key, and a crash
        # between making and writing never leaves an empty one.
        fresh = path.with_name(f".secret_key.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink(missing_ok=True)
    return path.read_text().strip()
