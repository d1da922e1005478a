"""The terminal, as a process of its own; and the worker's loop."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import zipfile

import pytest
from django.utils import timezone
from tests.conftest import environment_of
from tests.privacy.test_redact import EMAIL, eve
from tests.waiting import until

from sayso.contacts.models import Contact
from sayso.privacy import requests, work
from sayso.privacy.models import PrivacyRequest
from sayso.privacy.people import Named
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context


@pytest.fixture
def store(committed) -> Shop:
    shop = Shop.objects.create(domain="one.myshopify.com", name="One", address_secret="s" * 64)
    with shop_context(shop.pk):
        eve("OPT_IN")
    return shop


@pytest.fixture
def run(committed):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sayso", "privacy", *arguments], env=environment_of(committed), capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip

    return run


def test_access_erasure_and_the_list(store, run, tmp_path):
    file = tmp_path / "package.zip"
    done = run("access", "--email", EMAIL, "-o", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["profile"] == 1
    assert "profile.csv" in zipfile.ZipFile(file).namelist()

    assert run("redact", "--email", EMAIL).returncode == 1  # nobody said yes
    done = run("redact", "--shopify-customer", "900", "--yes")
    assert done.returncode == 0 and "1 contact(s) erased" in done.stdout, done.stderr
    with shop_context(store.pk):
        assert Contact.objects.get().redacted_at

    listed = json.loads(run("list", "--json").stdout)
    assert [(row["kind"], row["status"], row["clock"]) for row in listed] == [
        ("REDACT", "DONE", "Done in time"), ("ACCESS", "DONE", "Done in time"),
    ]  # fmt: skip
    assert "no requests" in run("list", "--open").stdout
    assert "deliveries" in run("retention").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["redact", "--yes"], "who is meant"), (["redact", "--yes", "--contact", "4711"], "no contact 4711"),
     (["redact", "--yes", "--phone", "12"], "no phone number"), (["erase-shop", "one.myshopify.com"], "uninstall it"),
     (["erase-shop", "other"], "no shop other")],
)  # fmt: skip
def test_what_is_wrong_is_one_line(store, run, arguments, said):
    done = run(*arguments)
    assert done.returncode == 1 and said in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_loop_wakes_for_a_request_and_ends(store):
    stop = threading.Event()
    loop = threading.Thread(target=work.run, args=(stop,))
    loop.start()
    try:
        with shop_context(store.pk):
            [request] = requests.open_all(
                store.pk, [requests.Asking(requests.Kind.REDACT, Named(900))], origin=requests.Origin.STAFF
            )

        def status() -> str:
            with shop_context(store.pk):
                return PrivacyRequest.objects.get(pk=request.pk).status

        until(status, lambda found: found == "DONE", 30)
    finally:
        stop.set()
        loop.join(30)
    assert not loop.is_alive()


def test_a_request_is_carried_out_once_and_again_when_its_worker_died(store, as_owner):
    with shop_context(store.pk):
        [request] = requests.open_all(
            store.pk, [requests.Asking(requests.Kind.ACCESS, Named(900))], origin=requests.Origin.STAFF
        )
        PrivacyRequest.objects.filter(pk=request.pk).update(
            status="IN_PROGRESS", leased_until=timezone.now() + work.LEASE, attempts=1
        )
    assert work.due() == [] and not work.carry_out(store.pk, request.pk)
    as_owner.execute("update privacy_request set leased_until = now()")
    assert work.all_due() == 1
    assert not work.carry_out(store.pk, request.pk)
