"""Bringing a database to the shape the program needs: bootstrap, migrations, and the idempotent install step."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections, models
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

from sayso.consent.transitions import Cell, cells
from sayso.shops.tenancy import TenantModel

from . import stamp
from .postgres import APP, DATABASE, OWNER, SUPERUSER, EmbeddedPostgres

INSTALL_LOCK = 5_173_001  # any constant: one installer at a time
INSTALL_ATTEMPTS = 5


def bootstrap_script() -> str:
    """The statements that need a superuser, for a server of the user's own."""
    return (Path(__file__).parent / "bootstrap.sql").read_text()


def bootstrap(server: EmbeddedPostgres, database: str = DATABASE) -> None:
    """Make the roles and the database of an embedded server, as its superuser. Idempotent."""
    with psycopg.connect(**server.parameters(SUPERUSER, "postgres"), autocommit=True) as connection:
        for role in (OWNER, APP):
            if not connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
                connection.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
        if not connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone():
            connection.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(database), sql.Identifier(OWNER))
            )
    with psycopg.connect(**server.parameters(SUPERUSER, database), autocommit=True) as connection:
        connection.execute(bootstrap_script().encode())


def pending_migrations() -> int:
    """How many migrations the database lacks."""
    executor = MigrationExecutor(connections["owner"])
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def migrate(*, verbosity: int = 0) -> None:
    """Apply migrations as the owner, then install functions, policies and privileges. Idempotent."""
    call_command("migrate", database="owner", verbosity=verbosity, interactive=False)
    call_command("createcachetable", database="owner", verbosity=verbosity)
    install()


def install() -> None:
    """Everything about the schema that is code rather than history: functions, triggers, policies, privileges, tables
    of rules. Repeated by every migrate, in one transaction, so that a release never runs against old functions.

    It wants exclusive locks on tables that others may be using (autovacuum among them); where that ends in a deadlock it
    is simply done again.
    """
    for attempt in range(INSTALL_ATTEMPTS):
        try:
            _install()
        except psycopg.errors.DeadlockDetected:
            if attempt + 1 == INSTALL_ATTEMPTS:
                raise
        else:
            return


def _install() -> None:
    with connections["owner"].cursor() as wrapped:
        cursor = wrapped.cursor
        with cursor.connection.transaction():
            cursor.execute("select pg_advisory_xact_lock(%s)", [INSTALL_LOCK])
            _grant(cursor)
            for room in apps.get_app_configs():
                for file in sorted((Path(room.path) / "sql").glob("*.sql")):
                    if room.name.startswith("sayso."):
                        cursor.execute(for_each_channel(file.read_text()).encode())
            _load_transitions(cursor)
            stamp.store(cursor.connection)


CHANNELS = {"whatsapp": "c.phone_key", "sms": "c.phone_key", "email": "c.email_key"}
"""Channel → the column that holds the keyed hash of its address."""


def for_each_channel(text: str) -> str:
    """Repeat every part between ``/*each*/`` and ``/*end*/`` for the three channels, with ``<c>`` naming the channel
    and ``<key>`` its address hash: a rule that holds for all channels is written once."""

    def repeat(match: re.Match[str]) -> str:
        return "".join(match[1].replace("<c>", name).replace("<key>", key) for name, key in CHANNELS.items())

    return re.sub(r"/\*each\*/(.*?)/\*end\*/", repeat, text, flags=re.DOTALL)


def tenant_models() -> list[type[TenantModel]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]


def _grant(cursor: psycopg.Cursor) -> None:
    """Privileges and row-level security, table by table, from what the models declare."""
    for model in apps.get_models(include_auto_created=True):
        table = sql.Identifier(model._meta.db_table)
        if not model._meta.managed:
            continue
        cursor.execute(sql.SQL("revoke all on {} from {}").format(table, sql.Identifier(APP)))
        app_may = sql.SQL(getattr(model, "app_may", "SELECT, INSERT, UPDATE, DELETE"))
        cursor.execute(sql.SQL("grant {} on {} to {}").format(app_may, table, sql.Identifier(APP)))
        if issubclass(model, TenantModel):
            _isolate(cursor, model)
    # Tables that belong to libraries carry no shop; the cache and the job queue are written by the application.
    for pattern in ("procrastinate%", "cache"):
        cursor.execute("select format('%%I', relname) from pg_class where relkind = 'r' and relname like %s", [pattern])
        for (name,) in cursor.fetchall():
            cursor.execute(f"grant select, insert, update, delete on {name} to {APP}")
    cursor.execute(f"grant usage on all sequences in schema public to {APP}")


def _isolate(cursor: psycopg.Cursor, model: type[models.Model]) -> None:
    """Policies are made once: replacing one locks the table against everybody. One that changes gets another name."""
    cursor.execute(
        """select relrowsecurity and relforcerowsecurity and 2 = (select count(*) from pg_policy p
            where p.polrelid = c.oid and p.polname in ('one_shop', 'owner_sees_all'))
        from pg_class c where c.oid = %s::regclass""",
        [model._meta.db_table],
    )
    if cursor.fetchone() == (True,):
        return
    table = sql.Identifier(model._meta.db_table)
    cursor.execute(sql.SQL("alter table {} enable row level security").format(table))
    cursor.execute(sql.SQL("alter table {} force row level security").format(table))
    cursor.execute(sql.SQL("drop policy if exists one_shop on {}").format(table))
    cursor.execute(sql.SQL("drop policy if exists owner_sees_all on {}").format(table))
    cursor.execute(
        sql.SQL(
            "create policy one_shop on {} to {}"
            " using (shop_id = nullif(current_setting('sayso.shop_id', true), '')::bigint)"
        ).format(table, sql.Identifier(APP))
    )
    cursor.execute(
        sql.SQL("create policy owner_sees_all on {} to {} using (true)").format(table, sql.Identifier(OWNER))
    )


def _load_transitions(cursor: psycopg.Cursor) -> None:
    columns = [field.name for field in dataclasses.fields(Cell)]
    cursor.execute("delete from consent_transition")
    with cursor.copy(f"copy consent_transition ({', '.join(columns)}) from stdin") as copy:
        for cell in cells():
            copy.write_row(cell.row())


def embedded() -> EmbeddedPostgres | None:
    """The embedded server, or None where DATABASE_URL names another."""
    return settings.EMBEDDED_POSTGRES
