"""What every long-lived process does before it begins."""

from __future__ import annotations

import gc

import psycopg

from sayso.events.listen import connection_parameters


class TooStrong(Exception):
    """The process is connected in a role that could step around the guards in the database."""


# Whoever owns a table, or may become its owner, can switch its policies off.
_STRONGER = """
select case
  when r.rolsuper then 'is a superuser'
  when r.rolbypassrls then 'may bypass row-level security'
  when exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where n.nspname = 'public' and c.relkind = 'r' and pg_has_role(current_user, c.relowner, 'MEMBER'))
    then 'owns tables'
end, current_user
from pg_roles r where r.rolname = current_user
"""


def require_weak_role(connection: psycopg.Connection) -> None:
    """Raise TooStrong unless the connection's role is held by row-level security and owns nothing (decision 1)."""
    stronger, role = connection.execute(_STRONGER).fetchone() or (None, "?")
    if stronger:
        raise TooStrong(
            f"the database role {role} {stronger}; sayso serves only as a role that cannot: see DATABASE_URL"
        )


def require_weak_default_role() -> None:
    """The same for the configured database. Raises psycopg.OperationalError if it cannot be reached."""
    with psycopg.connect(**connection_parameters(), autocommit=True) as connection:
        require_weak_role(connection)


def tune_garbage_collector() -> None:
    """Call after everything is imported: the p99 of a page fell from 24 to 5-11 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
