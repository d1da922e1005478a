"""Whether a database has the shape this code needs, without asking Django's migration machinery (0.3 s).

A digest over everything that shapes it is kept as the comment of schema ``staging``: whoever may connect may read it,
and only the owner may write it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import psycopg
from django.apps import apps
from psycopg import sql

PREFIX = "sayso "
_CODE = ("models.py", "sql/*.sql", "*.csv")  # of our rooms; models declare what the application's role may do


@lru_cache
def expected() -> str:
    """The digest of this code: names of all migrations, ours with their content, models, functions, rules."""
    digest = hashlib.sha256()
    for app in sorted(apps.get_app_configs(), key=lambda app: app.label):
        root = Path(app.path)
        ours = app.name.startswith("sayso.")
        for migration in sorted(root.glob("migrations/[0-9]*.py")):
            digest.update(f"{app.label} {migration.name}\n".encode())
            digest.update(migration.read_bytes() if ours else b"")
        for pattern in _CODE if ours else ():
            for file in sorted(root.glob(pattern)):
                digest.update(f"{app.label} {file.name}\n".encode())
                digest.update(file.read_bytes())
    for name in ("database.py", "bootstrap.sql"):
        digest.update((Path(__file__).parent / name).read_bytes())
    return PREFIX + digest.hexdigest()[:32]


def stored(connection: psycopg.Connection) -> str | None:
    """The digest of the code that last installed into this database, None if there was none."""
    row = connection.execute(
        "select obj_description(n.oid, 'pg_namespace') from pg_namespace n where nspname = 'staging'"
    ).fetchone()
    return row[0] if row else None


def store(connection: psycopg.Connection) -> None:
    """Remember that this code was installed; needs the owner's role."""
    connection.execute(sql.SQL("comment on schema staging is {}").format(sql.Literal(expected())))


def matches(connection: psycopg.Connection) -> bool:
    return stored(connection) == expected()
