"""A real PostgreSQL for every test: one server per run, one database per worker cloned from a migrated template.

Tests use the application's role, as the program does. ``owner`` connections are for looking behind the policies.
Set ``SAYSO_TEST_SERVER`` to the connection string of a superuser to test against a server of your own (15 or newer).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.settings import BASE

from sayso.config import database
from sayso.config.postgres import APP, OWNER, SUPERUSER, EmbeddedPostgres
from sayso.contacts import addresses
from sayso.shops.models import Membership, Shop, User
from sayso.shops.tenancy import shop_context

# In CI a failure must be the change's own: examples are found by chance elsewhere, and then kept as @example.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")

TEMPLATE = "sayso_template"
# Nothing of a test outlives it, so nothing needs to reach the disk.
UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "256MB"}
EXTERNAL = os.environ.get("SAYSO_TEST_SERVER")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        EmbeddedPostgres(BASE).stop()
        shutil.rmtree(BASE, ignore_errors=True)


def _parameters(role: str, name: str) -> dict[str, str]:
    if EXTERNAL:
        return conninfo_to_dict(EXTERNAL) | {"user": role, "dbname": name, "password": "test"}
    return EmbeddedPostgres(BASE).parameters(role, name)


def _superuser(name: str) -> psycopg.Connection:
    if EXTERNAL:
        return psycopg.connect(make_conninfo(EXTERNAL, dbname=name), autocommit=True)
    return psycopg.connect(**EmbeddedPostgres(BASE).parameters(SUPERUSER, name), autocommit=True)


def _use(name: str) -> None:
    """Point Django's two connections at one database."""
    addresses.shop_secret.cache_clear()  # it remembers by id, and each database begins at 1
    for alias, role in (("default", APP), ("owner", OWNER)):
        parameters = _parameters(role, name)
        connections[alias].close()
        for target in (settings.DATABASES[alias], connections[alias].settings_dict):
            target["NAME"] = name
            target["USER"] = role
            target["HOST"] = parameters["host"]
            target["PORT"] = parameters.get("port", "")
            target["PASSWORD"] = parameters.get("password", "")


def _prepare_template() -> None:
    """Make the migrated template unless another worker of this run did."""
    with (BASE / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = BASE / "template.done"
        if not done.exists():
            _make_template()
            done.touch()


def _make_template() -> None:
    if EXTERNAL:
        with _superuser("postgres") as connection:
            for role in (OWNER, APP):
                if not connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
                    connection.execute(f"create role {role} login")
                connection.execute(f"alter role {role} password 'test'")
            connection.execute(f"drop database if exists {TEMPLATE}")
            connection.execute(f"create database {TEMPLATE} owner {OWNER}")
        with _superuser(TEMPLATE) as connection:
            connection.execute(database.bootstrap_script().encode())
    else:
        server = EmbeddedPostgres(BASE, options=UNSAFE)
        server.start()
        database.bootstrap(server, TEMPLATE)
    _use(TEMPLATE)
    database.migrate()
    for alias in ("default", "owner"):
        connections[alias].close()


@pytest.fixture(scope="session")
def django_db_setup(worker_id: str, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Clone the template for this worker; pytest-django then opens its transactions in the clone."""
    name = f"sayso_{worker_id}_{secrets.token_hex(3)}"
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        _prepare_template()
        with _superuser("postgres") as connection:
            connection.execute(
                sql.SQL("create database {} template {} owner {}").format(*map(sql.Identifier, (name, TEMPLATE, OWNER)))
            )
        _use(name)
        yield
        for alias in ("default", "owner"):
            connections[alias].close()
        with _superuser("postgres") as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    return getattr(request.config, "workerinput", {}).get("workerid", "main")


@pytest.fixture
def make_shop(db: None) -> Callable[..., Shop]:
    def make(domain: str = "", **fields: object) -> Shop:
        domain = domain or f"shop-{secrets.token_hex(4)}.myshopify.com"
        return Shop.objects.create(
            domain=domain, name=domain.split(".")[0], address_secret=secrets.token_hex(32), **fields
        )

    return make


@pytest.fixture
def shop(make_shop: Callable[..., Shop]) -> Iterator[Shop]:
    """A shop, with the test running inside its context."""
    made = make_shop()
    with shop_context(made.pk):
        yield made


@pytest.fixture
def owner_client(shop: Shop) -> Client:
    """A signed-in owner of ``shop``."""
    user = User.objects.create_user("owner@example.com", "a long password", name="Olivia Owner")
    Membership.objects.create(user=user, shop=shop, role="owner")
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the test's own, for what several connections or processes must see: nothing is rolled back.

    Answers its name. Cloning takes two thirds of a second; the append-only ledger makes cleaning up no alternative.
    """
    shared = settings.DATABASES["default"]["NAME"]
    name = f"sayso_own_{secrets.token_hex(4)}"
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        with _superuser("postgres") as connection:
            connection.execute(
                sql.SQL("create database {} template {} owner {}").format(*map(sql.Identifier, (name, TEMPLATE, OWNER)))
            )
        _use(name)
        try:
            yield name
        finally:
            _use(shared)
            with _superuser("postgres") as connection:
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def environment_of(name: str) -> dict[str, str]:
    """What a process of the program needs in its environment to work on database ``name``."""
    app, owner = (make_conninfo(**_parameters(role, name)) for role in (APP, OWNER))
    program = {"DJANGO_SETTINGS_MODULE": "sayso.config.settings", "PYTHONPATH": os.pathsep.join(sys.path)}
    return os.environ | program | {"DATABASE_URL": app, "DATABASE_OWNER_URL": owner}


@pytest.fixture
def as_owner(committed: str) -> Iterator[psycopg.Connection]:
    """A connection as the owner role, which sees every shop, to a database of the test's own."""
    with psycopg.connect(**_parameters(OWNER, committed), autocommit=True) as connection:
        yield connection
