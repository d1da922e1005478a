"""The ``sayso`` command, as a process of its own over a database of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sayso.config.environment import repository
from sayso.config.postgres import EmbeddedPostgres

Run = Callable[..., subprocess.CompletedProcess[str]]
MAKE_SHOP = """
from sayso.commands.terminal import database
with database():
    from sayso.shops.models import Shop
    Shop.objects.create(domain="{}", name="A shop", address_secret="x")
"""


def command(data: Path, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return python(data, "-m", "sayso", *arguments, stdin=stdin, **environment)


def python(data: Path, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("SAYSO_", "DATABASE_", "DJANGO_"))
    }
    return subprocess.run(
        [sys.executable, *arguments],
        env=ours
        | {
            "SAYSO_DATA": str(data),
            "PYTHONPATH": str(repository() / "src"),
            "DJANGO_SETTINGS_MODULE": "sayso.config.settings",
        }
        | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Commands over one fresh data directory, with a shop."""
    data = Path(tempfile.mkdtemp(prefix="sayso-cli-"))
    data.chmod(0o711)  # as root, PostgreSQL's account has to get there

    def run(*arguments: str, **options: str) -> subprocess.CompletedProcess[str]:
        return command(data, *arguments, **options)

    made = python(data, "-c", MAKE_SHOP.format("one.myshopify.com"))
    assert made.returncode == 0, made.stderr
    assert not (data / "postgres" / "postmaster.pid").exists(), "a command leaves nothing running that it started"
    server = EmbeddedPostgres(data, options={"fsync": "off"})
    server.start()  # from now on commands use it, and leave it
    run.data = data  # type: ignore[attr-defined]
    yield run
    server.stop()
    shutil.rmtree(data)


@pytest.fixture(scope="module")
def two(run) -> None:
    """A second shop over the same data. The tests of one shop alone stand above those that take it."""
    made = python(run.data, "-c", MAKE_SHOP.format("two.myshopify.com"))
    assert made.returncode == 0, made.stderr


def test_help_is_quick(tmp_path):
    began = time.monotonic()
    told = command(tmp_path, "--help")
    assert time.monotonic() - began < 2  # 0.25 s on an idle machine
    assert told.returncode == 0
    for word in (
        "up",
        "check",
        "test",
        "bench",
        "lint",
        "shop",
        "channel",
        "user",
        "token",
        "import",
        "sandbox",
        "psql",
        "db",
    ):
        assert word in told.stdout
    assert list(tmp_path.iterdir()) == []  # asking for help makes nothing


@pytest.mark.parametrize(
    "words",
    [("up",), ("check",), ("migrate",), ("db", "init"), ("shop", "add"), ("shop", "list"), ("channel", "add"),
     ("user", "add"), ("token", "create"), ("token", "list"), ("import", "shopify"), ("psql",), ("lint",), ("sandbox",)],
)  # fmt: skip
def test_every_command_explains_itself(tmp_path, words):
    told = command(tmp_path, *words, "--help")
    assert told.returncode == 0 and "sayso" in told.stdout.lower()


def test_a_wrong_call_is_status_2(tmp_path):
    assert command(tmp_path, "nonsense").returncode == 2
    assert command(tmp_path, "shop", "add").returncode == 2


def test_what_others_started_stays_running(run):
    assert run("shop", "list").returncode == 0
    assert (run.data / "postgres" / "postmaster.pid").exists()


def test_shops_are_listed(run):
    (shop,) = json.loads(run("shop", "list", "--json").stdout)
    assert (shop["domain"], shop["contacts"]) == ("one.myshopify.com", 0)
    assert "one.myshopify.com" in run("shop", "list").stdout


def test_check_finds_all_well(run):
    told = run("check", "--json")
    findings = json.loads(told.stdout)
    assert told.returncode == 0, findings
    assert {one["name"] for one in findings} >= {
        "database",
        "version",
        "role",
        "schema",
        "search",
        "clock",
        "disk",
        "keys",
    }
    assert all(one["status"] in {"ok", "warning"} for one in findings)


def test_check_finds_a_key_that_does_not_fit(run):
    connected = run(
        "channel", "add", "whatsapp", "--phone-number-id", "106", "--token", "-", "--app-secret", "s",
        "--verify-token", "v", "--shop", "one", "--json", stdin="t\n",
    )  # fmt: skip
    assert connected.returncode == 0, connected.stderr
    assert json.loads(connected.stdout)["phone_number_id"] == "106"
    (listed,) = json.loads(run("channel", "list", "--json").stdout)
    assert listed["status"] == "CONNECTED"
    told = run("check", SAYSO_SECRET_KEY="another one entirely")
    assert told.returncode == 1 and "SAYSO_SECRET_KEY_FALLBACKS" in told.stdout
    told = run("token", "list", SAYSO_SECRET_KEY="another one entirely")
    assert told.returncode == 1 and told.stderr.startswith("sayso: ") and told.stderr.count("\n") == 1


def test_check_says_that_the_database_is_away(tmp_path):
    told = command(tmp_path, "check", DATABASE_URL="postgresql://sayso_app@127.0.0.1:9/sayso")
    assert told.returncode == 1 and "failed" in told.stdout and "Traceback" not in told.stderr


def test_tokens(run):
    made = json.loads(
        run("token", "create", "--shop", "one.myshopify.com", "--role", "admin", "--name", "ci", "--json").stdout
    )
    assert made["token"].startswith("sayso_1_") and "contacts.edit" in made["scopes"]
    assert run("token", "create").stdout.startswith("sayso_1_")  # alone on its line, for a script
    assert made["token"] not in run("token", "list").stdout
    listed = json.loads(run("token", "list", "--json").stdout)
    assert listed[0]["name"] == "ci" and listed[0]["revoked_at"] is None
    assert run("token", "revoke", str(made["id"])).returncode == 0
    refused = run("token", "revoke", str(made["id"]))
    assert refused.returncode == 1 and refused.stderr.startswith("sayso: ")


def test_people(run):
    made = json.loads(
        run("user", "add", "--email", "Ada@Example.com", "--name", "Ada", "--role", "owner", "--json").stdout
    )
    assert made["email"] == "ada@example.com" and "/sign-in/" in made["link"]
    assert "one.myshopify.com: owner" in run("user", "list").stdout
    assert run("user", "add", "--email", "nonsense").returncode == 1
    assert run("user", "add", "--email", "root@example.com", "--platform-owner").returncode == 0


@pytest.mark.usefixtures("two")
def test_a_shop_has_to_be_named_where_there_are_two(run):
    told = run("token", "list")
    assert told.returncode == 1 and "--shop one.myshopify.com" in told.stderr
    assert run("token", "list", "--shop", "two").returncode == 0
    assert "no shop" in run("token", "list", "--shop", "three").stderr
    counted = run("psql", "--shop", "two", "--command", "select count(*) from api_token")
    assert counted.returncode == 0 and "0" in counted.stdout
    assert run("psql", "--command", "select nonsense").returncode != 0


def test_connecting_to_a_store_that_is_not_there_says_so(run):
    told = run(
        "shop", "add", "--domain", "gone.myshopify.com", "--client-id", "c", "--client-secret", "-",
        "--base-url", "http://127.0.0.1:9", stdin="s\n",
    )  # fmt: skip
    assert told.returncode == 1 and "cannot be reached" in told.stderr and "Traceback" not in told.stderr
    told = run("shop", "add", "--domain", "gone.myshopify.com", "--client-id", "c")
    assert told.returncode == 1 and "secret is missing" in told.stderr


def test_a_real_number_speaks_to_no_loopback_address(run):
    told = run(
        "channel", "add", "whatsapp", "--phone-number-id", "1", "--token", "t", "--app-secret", "s",
        "--verify-token", "v", "--shop", "one", "--base-url", "http://127.0.0.1:9",
    )  # fmt: skip
    assert told.returncode == 1 and "this machine" in told.stderr


@pytest.mark.usefixtures("two")
def test_shops_do_not_share_an_app_by_mistake(run):
    for shop, number in (("one", "201"), ("two", "202")):
        connected = run(
            "channel", "add", "whatsapp", "--phone-number-id", number, "--token", "t", "--app-secret", f"of {shop}",
            "--verify-token", "v", "--shop", shop,
        )  # fmt: skip
        assert connected.returncode == 0, connected.stderr
    counted = run(
        "psql", "--command", "select count(distinct client_id) from provider_app where client_id like '%.myshopify.com'"
    )
    assert " 2\n" in counted.stdout


def test_the_bootstrap_for_another_server_is_printed(tmp_path):
    printed = command(tmp_path, "db", "init").stdout
    assert "CREATE ROLE sayso_owner" in printed and "LEAKPROOF" in printed


def test_migrating_again_changes_nothing(run):
    assert run("migrate").returncode == 0
    assert run("db", "migrate").returncode == 0
