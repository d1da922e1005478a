"""What all commands share: a running database, the chosen shop, secrets, and how results are shown."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sayso.config.postgres import EmbeddedPostgres
    from sayso.shops.models import Shop

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ShopOption = Annotated[
    str | None, typer.Option("--shop", metavar="DOMAIN|ID", help="May be left out where there is one shop.")
]


class CommandError(Exception):
    """One line: what is in the way and what to do. Ends the command with status 1."""


# The database


@contextmanager
def database() -> Iterator[None]:
    """Django with a database that is up to date.

    An embedded server that does not run is started, and stopped again by the last command that needs it, unless ``up``
    has come to need it meanwhile. Raises CommandError where the database cannot be used.
    """
    import django
    import psycopg

    from sayso.config import environment
    from sayso.config.postgres import PostgresError

    data = environment.ensure_data_dir()
    django.setup()
    from django.db import OperationalError, connections

    from sayso.shops.fields import UndecipherableSecret

    try:
        with _running_server(data):
            try:
                _bring_up_to_date()
                yield
            finally:
                connections.close_all()
    except (PostgresError, UndecipherableSecret) as error:
        raise CommandError(str(error)) from error
    except (psycopg.OperationalError, OperationalError) as error:
        raise CommandError(f"the database cannot be used: {str(error).strip().splitlines()[0]}") from error


@contextmanager
def _running_server(data: Path) -> Iterator[None]:
    from sayso.config.database import embedded

    server = embedded()
    if server is None:
        yield
        return
    ours = data / ".started-by-command"
    with (data / ".commands.lock").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        if not server.running():
            server.start()
            ours.touch()
        try:
            yield
        finally:
            _stop_if_unused(server, data, users, ours)


def _stop_if_unused(server: EmbeddedPostgres, data: Path, users: IO[str], ours: Path) -> None:
    """Stop what a command started, where neither another command nor ``up`` uses it."""
    if not ours.exists():
        return
    with (data / ".up.lock").open("a") as up:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(up, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        server.stop()
        ours.unlink(missing_ok=True)


def up_is_running() -> bool:
    """Whether ``sayso up`` holds the data directory, so that there is a worker."""
    from sayso.config import environment

    path = environment.data_dir() / ".up.lock"
    if not path.exists():
        return False
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def up_url() -> str:
    """Where the pages are: the public address, else where ``up`` listens, else where it would."""
    from sayso.config import environment

    if url := environment.get("SAYSO_URL"):
        return url.rstrip("/")
    if up_is_running():
        try:
            return str(json.loads((environment.data_dir() / ".up.lock").read_text())["url"])
        except (ValueError, KeyError):
            pass  # it is just starting and has not said where
    return f"http://127.0.0.1:{environment.get('SAYSO_PORT', '8000')}"


def _bring_up_to_date() -> None:
    from django.db import OperationalError, connections

    from sayso.config import database as schema
    from sayso.config import stamp

    server = schema.embedded()
    try:
        connections["default"].ensure_connection()
        if stamp.matches(connections["default"].connection):
            return
    except OperationalError:
        if server is None:
            raise
        # A cluster that was just made has no database yet.
    if server is None:
        raise CommandError("the database is of another version: run ./sayso migrate")
    schema.bootstrap(server)
    migrate()


def migrate() -> None:
    """Bring the schema up to date and note the version; raises CommandError without an owner's connection."""
    from django.db import connections

    from sayso.config import database as schema
    from sayso.config import stamp

    if "owner" not in connections:
        raise CommandError("DATABASE_OWNER_URL names no connection; migrations need the owner's role")
    schema.migrate()
    with connections["owner"].cursor() as cursor:
        if not stamp.matches(cursor.connection):
            stamp.store(cursor.connection)


# What the commands are about


def choose_shop(named: str | None) -> Shop:
    """The shop of that domain or id; without a name the only one there is. Raises CommandError."""
    from sayso.shops.models import Shop

    shops = list(Shop.objects.order_by("pk"))
    if named:
        wanted = named.strip().lower()
        found = [shop for shop in shops if wanted in (str(shop.pk), shop.domain, shop.domain.split(".")[0])]
        if not found:
            raise CommandError(f"there is no shop {named}; see ./sayso shop list")
        return found[0]
    if not shops:
        raise CommandError("no shop is connected yet: ./sayso shop add, or ./sayso up for the sandbox")
    if len(shops) > 1:
        raise CommandError(f"which shop? --shop {' | --shop '.join(shop.domain for shop in shops)}")
    return shops[0]


def secret(given: str | None, name: str) -> str:
    """A secret from its option or environment variable; ``-`` reads a line of standard input, nothing asks for it.

    On the command line others may see it. Raises CommandError where there is nobody to ask.
    """
    if given == "-":
        given = sys.stdin.readline().strip()
    elif not given and sys.stdin.isatty():
        given = typer.prompt(name, hide_input=True)
    if not given:
        raise CommandError(f"{name} is missing: give the option, its environment variable, or - to read standard input")
    return given


# Results


def say(line: str) -> None:
    """A line about what happens, on standard error; standard output is for results."""
    print(f"sayso: {line}", file=sys.stderr)


def show(rows: Sequence[dict[str, Any]], *, as_json: bool, empty: str = "none") -> None:
    """Rows as a table, or as JSON."""
    if as_json:
        print(json.dumps(rows, default=str, indent=2))
        return
    if not rows:
        print(empty)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(name.replace("_", " ") for name in rows[0]), box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    # Cut to the terminal, but never where a program reads.
    Console(width=None if sys.stdout.isatty() else 1000).print(table)


def show_one(row: dict[str, Any], line: str, *, as_json: bool) -> None:
    """One result: as JSON, or as ``line``."""
    print(json.dumps(row, default=str) if as_json else line)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A file that cannot be written is the caller's mistake and said in one line."""
    try:
        yield
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror or error}") from error


def replace_process(arguments: Sequence[str]) -> None:
    """Become another program; what is buffered is written first."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvp(arguments[0], list(arguments))  # noqa: S606 (no shell is meant)
