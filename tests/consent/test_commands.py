"""Consent from the terminal, as a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.conftest import environment_of
from tests.consent.ledger_people import make_shop, people

from sayso.events.models import Event
from sayso.shops.tenancy import shop_context

AT = ("--at", "2026-01-01T00:00")


@pytest.fixture
def shop(committed):
    made = make_shop()
    people(made, 1)
    return made


@pytest.fixture
def run(committed):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sayso", "consent", *arguments], env=environment_of(committed), capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip

    return run


def test_nothing_is_said_of_a_contact_that_there_is_not(run, shop):
    done = run("at", "999999", *AT)
    assert done.returncode != 0 and "there is no contact 999999" in done.stderr
    done = run("at", "999999", "--at", "2099-01-01")
    assert done.returncode != 0 and "future" in done.stderr


def test_who_is_written_down_stands_in_the_event_log(run, shop, tmp_path):
    done = run("messageable", *AT, "--channel", "email", "--out", str(tmp_path / "who"))
    assert done.returncode == 0, done.stderr
    with shop_context(shop.pk):
        event = Event.objects.get(kind="export.created")
    assert (event.actor_id, event.data["kind"], event.data["parameters"]["channel"]) == (
        "terminal",
        "messageable",
        "email",
    )


def test_a_place_that_cannot_be_written_is_said_in_a_line(run, shop, tmp_path):
    out = str(tmp_path / "nowhere" / "file")
    done = run("messageable", *AT, "--channel", "sms", "--out", out)
    assert done.returncode != 0 and f"cannot write {out}" in done.stderr and "Traceback" not in done.stderr
    with shop_context(shop.pk):
        assert not Event.objects.filter(kind="export.created").exists()
