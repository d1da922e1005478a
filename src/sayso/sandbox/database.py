"""The sandbox's memory: one SQLite file in WAL mode, written by one connection.

A process that is killed loses nothing that was committed; `synchronous=NORMAL` gives up only
what a loss of power would take, which a sandbox can bear.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

TABLES = """
CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sequence (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS shop (id INTEGER PRIMARY KEY, domain TEXT NOT NULL UNIQUE, doc BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS token (
    token TEXT PRIMARY KEY, shop INTEGER NOT NULL, kind TEXT NOT NULL, expires REAL);
CREATE TABLE IF NOT EXISTS replaced (token TEXT NOT NULL, by TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS replaced_by ON replaced (by);
CREATE TABLE IF NOT EXISTS customer (
    id INTEGER PRIMARY KEY, shop INTEGER NOT NULL, updated TEXT NOT NULL, created TEXT NOT NULL,
    email TEXT, phone TEXT, name TEXT NOT NULL, doc BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS purchase (
    id INTEGER PRIMARY KEY, shop INTEGER NOT NULL, customer INTEGER, updated TEXT NOT NULL,
    created TEXT NOT NULL, email TEXT, name TEXT NOT NULL, doc BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS product (
    id INTEGER NOT NULL, shop INTEGER NOT NULL, updated TEXT NOT NULL, created TEXT NOT NULL,
    name TEXT NOT NULL, doc BLOB NOT NULL, PRIMARY KEY (shop, id));
CREATE TABLE IF NOT EXISTS variant (
    id INTEGER NOT NULL, shop INTEGER NOT NULL, product INTEGER NOT NULL, PRIMARY KEY (shop, id));
CREATE TABLE IF NOT EXISTS collection (
    id INTEGER NOT NULL, shop INTEGER NOT NULL, updated TEXT NOT NULL, created TEXT NOT NULL,
    name TEXT NOT NULL, doc BLOB NOT NULL, PRIMARY KEY (shop, id));
CREATE TABLE IF NOT EXISTS checkout (
    id INTEGER PRIMARY KEY, shop INTEGER NOT NULL, token TEXT NOT NULL, updated TEXT NOT NULL,
    created TEXT NOT NULL, doc BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS subscription (
    id INTEGER PRIMARY KEY, shop INTEGER NOT NULL, topic TEXT NOT NULL, doc BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS segment (id INTEGER PRIMARY KEY, shop INTEGER NOT NULL, doc BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS bulk (
    id INTEGER PRIMARY KEY, shop INTEGER NOT NULL, status TEXT NOT NULL, doc BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, topic TEXT NOT NULL, state TEXT NOT NULL,
    due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, subscription INTEGER, url TEXT NOT NULL,
    headers BLOB NOT NULL, body BLOB NOT NULL, answer TEXT);
CREATE TABLE IF NOT EXISTS number (
    id TEXT PRIMARY KEY, waba TEXT NOT NULL, token TEXT NOT NULL, display TEXT NOT NULL, rate REAL NOT NULL);
CREATE TABLE IF NOT EXISTS template (
    waba TEXT NOT NULL, name TEXT NOT NULL, language TEXT NOT NULL, doc BLOB NOT NULL,
    PRIMARY KEY (waba, name, language));
CREATE TABLE IF NOT EXISTS sent (
    id INTEGER PRIMARY KEY, wamid TEXT NOT NULL UNIQUE, number TEXT NOT NULL, recipient TEXT NOT NULL,
    kind TEXT NOT NULL, template TEXT, category TEXT, opaque TEXT, plan TEXT NOT NULL,
    stage INTEGER NOT NULL, at REAL NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS inbound (
    id INTEGER PRIMARY KEY, wamid TEXT NOT NULL, number TEXT NOT NULL, sender TEXT NOT NULL,
    at REAL NOT NULL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS person (
    recipient TEXT PRIMARY KEY, stopped INTEGER NOT NULL DEFAULT 0, spoke REAL, user_id TEXT);
"""

# Made after the first bulk load: filling an indexed table takes half as long again.
INDEXES = """
CREATE INDEX IF NOT EXISTS customer_updated ON customer (shop, updated, id);
CREATE INDEX IF NOT EXISTS customer_by_id ON customer (shop, id);
CREATE UNIQUE INDEX IF NOT EXISTS customer_phone ON customer (shop, phone) WHERE phone IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS customer_email ON customer (shop, email) WHERE email IS NOT NULL;
CREATE INDEX IF NOT EXISTS purchase_updated ON purchase (shop, updated, id);
CREATE INDEX IF NOT EXISTS purchase_by_id ON purchase (shop, id);
CREATE INDEX IF NOT EXISTS purchase_customer ON purchase (customer, id);
CREATE UNIQUE INDEX IF NOT EXISTS checkout_token ON checkout (shop, token);
CREATE INDEX IF NOT EXISTS delivery_open ON delivery (state, due);
CREATE INDEX IF NOT EXISTS sent_open ON sent (stage) WHERE stage >= 0;
CREATE INDEX IF NOT EXISTS sent_recipient ON sent (recipient, id);
CREATE INDEX IF NOT EXISTS inbound_sender ON inbound (sender, id);
"""

_encode = msgspec.json.Encoder().encode


def encode(value: Any) -> bytes:
    """`value` as compact JSON."""
    return _encode(value)


class Database:
    """The connection of the serving thread; other threads open a `reader()` of their own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + TABLES + INDEXES)
        self._depth = 0

    def reader(self) -> sqlite3.Connection:
        """A second, read-only connection, for a thread that copies a lot."""
        return sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, check_same_thread=False)

    def close(self) -> None:
        """Close the file; what is uncommitted is dropped."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen together or not at all; may be nested."""
        if self._depth:
            yield
            return
        self.connection.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        else:
            self.connection.execute("COMMIT")
        finally:
            self._depth = 0

    def run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Execute one statement; outside a transaction it commits by itself."""
        return self.connection.execute(sql, values)

    def many(self, sql: str, rows: Any) -> None:
        """Execute one statement for each row."""
        self.connection.executemany(sql, rows)

    def all(self, sql: str, *values: Any) -> list[Any]:
        """All rows of a query."""
        return self.connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Any:
        """The first row of a query, or None."""
        return self.connection.execute(sql, values).fetchone()

    def get(self, key: str, default: Any = None) -> Any:
        """A stored setting."""
        row = self.one("SELECT value FROM setting WHERE key = ?", key)
        return msgspec.json.decode(row[0]) if row else default

    def put(self, key: str, value: Any) -> None:
        """Store a setting."""
        self.run("INSERT OR REPLACE INTO setting VALUES (?, ?)", key, encode(value))

    def take(self, name: str, count: int = 1) -> int:
        """The first of `count` new numbers of a sequence, from 1 on."""
        row = self.one(
            "INSERT INTO sequence VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + ? RETURNING value",
            name,
            count,
            count,
        )
        return int(row[0]) - count + 1
