"""The database from the terminal: prepare it, migrate it, look into it."""

from __future__ import annotations

import os
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING, Annotated

import typer

from .terminal import CommandError, ShopOption, choose_shop, database, migrate, say, secret

if TYPE_CHECKING:
    from sayso.shops.models import Shop

db = typer.Typer(no_args_is_help=True, help="Prepare and migrate the database.")


def register(app: typer.Typer) -> None:
    app.add_typer(db, name="db")
    app.command("migrate")(run_migrations)
    db.command("migrate")(run_migrations)
    app.command()(psql)


class As(StrEnum):
    app = "app"
    owner = "owner"


ROLES = """\
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sayso_owner') THEN CREATE ROLE sayso_owner LOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sayso_app') THEN CREATE ROLE sayso_app LOGIN; END IF;
END $$;
-- Give both a password where your server asks for one: \\password sayso_owner, \\password sayso_app
"""


@db.command("init")
def init(
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="SUPERUSER_URL",
            envvar="DATABASE_SUPERUSER_URL",
            help="Do it, over this connection to the new database as a superuser; - reads it from standard input.",
        ),
    ] = None,
) -> None:
    """Print what a superuser does once on a server of yours, or do it. Make the database itself first."""
    script = ROLES + (resources.files("sayso.config") / "bootstrap.sql").read_text()
    if run is None:
        print(script, end="")
        return
    import psycopg

    try:
        with psycopg.connect(secret(run, "the superuser's address"), autocommit=True) as connection:
            connection.execute(script.encode())
    except psycopg.Error as error:
        raise CommandError(f"the server refused: {str(error).strip().splitlines()[0]}") from error
    say("the roles sayso_owner and sayso_app and the schema are there; next: ./sayso migrate")


def run_migrations() -> None:
    """Bring the database to the shape of this version. `sayso up` does it by itself for the embedded one."""
    if not os.environ.get("DATABASE_URL"):
        with database():
            migrate()
    else:
        import django
        from django.db.utils import Error

        django.setup()
        try:
            migrate()
        except Error as error:
            raise CommandError(f"the database cannot be migrated: {str(error).strip().splitlines()[0]}") from error
    say("the database is up to date")


def psql(
    role: Annotated[As, typer.Option("--as", help="app sees one shop, as the program does; owner sees all.")] = As.app,
    shop: ShopOption = None,
    command: Annotated[str | None, typer.Option("--command", "-c", help="Run this and leave.")] = None,
) -> None:
    """Open a terminal on the database, in one shop."""
    import subprocess

    with database():
        from django.db import connections
        from psycopg.conninfo import make_conninfo

        from sayso.config.database import embedded

        alias = {As.app: "default", As.owner: "owner"}[role]
        if alias not in connections:
            raise CommandError("DATABASE_OWNER_URL names no connection")
        settings = connections[alias].settings_dict
        named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
        parameters = {libpq: settings[django] for libpq, django in named.items() if settings[django]}
        server = embedded()
        program = str(server.binaries() / "psql") if server else "psql"
        # For the session, where the program sets it for a transaction: psql commits each statement by itself.
        chosen = _shop_to_see(role, shop)
        options = f"-c sayso.shop_id={chosen.pk}" if chosen else ""
        conninfo = make_conninfo(**parameters, options=options) if options else make_conninfo(**parameters)
        arguments = [program, "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", conninfo]
        # Not by replacing this process: the server may have to be stopped afterwards.
        status = subprocess.run([*arguments, *(["--command", command] if command else [])], check=False).returncode
    raise typer.Exit(status)


def _shop_to_see(role: As, named: str | None) -> Shop | None:
    """The named shop, or the only one. Without one the application's role sees nothing, which may be what is wanted."""
    from sayso.shops.models import Shop

    if named or (role is As.app and Shop.objects.count() == 1):
        return choose_shop(named)
    if role is As.app:
        say("no shop is chosen, so row-level security shows nothing: see --shop")
    return None
