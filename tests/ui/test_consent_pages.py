"""Audience → Consent: the overview, the ledger, one entry."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from sayso.consent import queries
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import LedgerEntry
from sayso.consent.record import record
from sayso.shops.models import Shop

from .conftest import say, sign_in

LEDGER = "/audience/consent/ledger"


def rows(page: str) -> list[int]:
    """The ids of the entries that a page of the ledger shows."""
    return [int(found) for found in re.findall(r'href="/audience/consent/ledger/(\d+)"', page)]


def told(contact_id: int, event: str, *, source: str = "form", actor: str = "customer", **more: object) -> int:
    [outcome, *_] = record(
        [ConsentEvent(contact_id, Channel.WHATSAPP, event, datetime.now(UTC), source, actor, **more)]
    )
    return outcome.ledger_id


def test_the_overview_comes_at_once_and_asks_for_its_figures(owner_client: Client) -> None:
    page = owner_client.get("/audience/consent?period=90").content.decode()
    assert 'hx-get="/audience/consent/figures?period=90"' in page
    assert 'hx-get="/audience/consent/campaigns"' in page


def test_the_figures(owner_client: Client, make_contact: Callable) -> None:
    first, second = make_contact(), make_contact()
    say(first, "OPT_IN")
    say(second, "OPT_IN")
    say(second, "OPT_OUT")
    told(second, "STAFF_WITH_PROOF", source="staff", actor="staff")
    page = owner_client.get("/audience/consent/figures?period=7").content.decode()
    assert "?channel=whatsapp&amp;state=SUBSCRIBED" in page
    assert "?outcome=REFUSED&amp;code=NEEDS_CUSTOMER_OPT_IN&amp;period=7" in page
    assert "After an opt-out only the customer can opt in again." in page
    assert page.count("<svg") >= 3
    assert "?source=form&amp;period=7" in page


@pytest.mark.parametrize("period", ["", "31", "all", "<script>"])
def test_a_period_that_is_none_is_thirty_days(owner_client: Client, period: str) -> None:
    page = owner_client.get("/audience/consent", {"period": period}).content.decode()
    assert 'hx-get="/audience/consent/figures?period=30"' in page


def test_the_ledger_filters(owner_client: Client, make_contact: Callable) -> None:
    first, second = make_contact(), make_contact()
    agreed = told(first, "OPT_IN", source="hosted_form")
    told(second, "OPT_IN")
    stopped = told(second, "OPT_OUT", source="stop_reply")
    refused = told(second, "API_WITH_PROOF", source="api", actor="staff")

    def shown(**query: object) -> set[int]:
        return set(rows(owner_client.get(LEDGER, query).content.decode()))

    assert {agreed, stopped, refused} < shown()
    assert shown(source="hosted_form") == {agreed}
    assert shown(outcome="REFUSED") == {refused}
    assert shown(code="NEEDS_CUSTOMER_OPT_IN") == {refused}
    assert stopped in shown(state="UNSUBSCRIBED", event="OPT_OUT", channel="whatsapp", period="7")
    assert shown(contact=first) == {agreed}
    assert shown(contact=first, outcome="REFUSED") == set()


def test_nothing_found_offers_the_way_back(owner_client: Client) -> None:
    page = owner_client.get(LEDGER, {"outcome": "REFUSED"}).content.decode()
    assert "No entries match" in page
    assert "Every opt-in, opt-out and refused attempt" in owner_client.get(LEDGER).content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"outcome": "perhaps"},
        {"channel": "pigeon", "state": "HAPPY"},
        {"event": "' or 1=1 --"},
        {"contact": "seventeen"},
        {"contact": "9" * 40},
        {"before": "-1"},
        {"source": "\x00"},
        {"period": "3"},
    ],
)
def test_a_filter_that_means_nothing_is_left_out(owner_client: Client, make_contact: Callable, query: dict) -> None:
    entry = told(make_contact(), "OPT_IN")
    assert rows(owner_client.get(LEDGER, query).content.decode()) == [entry]


def test_the_ledger_pages_by_entry(owner_client: Client, make_contact: Callable) -> None:
    contact = make_contact()
    entries = [told(contact, "OPT_IN") for _ in range(53)]
    page = owner_client.get(LEDGER, {"source": "form"}).content.decode()
    assert rows(page) == entries[::-1][:50]
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older and "source=form" in older[1]
    assert rows(owner_client.get(LEDGER + older[1].replace("&amp;", "&")).content.decode()) == entries[::-1][50:]


def test_an_entry_shows_what_was_sealed(owner_client: Client, make_contact: Callable) -> None:
    contact = make_contact()
    first = told(contact, "OPT_IN")
    second = told(contact, "OPT_OUT", source="stop_reply", evidence={"text": "STOP <b>now</b>", "reference": "wamid.1"})
    page = owner_client.get(f"{LEDGER}/{second}").content.decode()
    entry = LedgerEntry.objects.get(pk=second)
    assert bytes(entry.hash).hex() in page and bytes(entry.prev_hash or b"").hex() in page
    assert "Computed again: it holds" in page
    assert f"Entry {first} before" in page
    assert "STOP &lt;b&gt;now&lt;/b&gt;" in page and "Message id" in page
    assert "asked for no more marketing by WhatsApp" in page


def test_an_entry_of_another_shop_is_not_there(
    owner_client: Client, make_contact: Callable, make_shop: Callable[..., Shop]
) -> None:
    entry = told(make_contact(), "OPT_IN")
    assert sign_in(make_shop(), "owner").get(f"{LEDGER}/{entry}").status_code == 404
    assert owner_client.get(f"{LEDGER}/{entry + 1000}").status_code == 404


def test_the_history_tells_who_said_what(owner_client: Client, make_contact: Callable) -> None:
    contact = make_contact()
    told(contact, "OPT_IN", source="hosted_form", language="de", wording_version="hosted_form/whatsapp/de/2",
         evidence={"wording": "Ja, ich will", "page_url": "https://shop.example/sign-up", "ip": "192.0.2.7"})  # fmt: skip
    told(contact, "OPT_OUT", source="staff", actor="staff", evidence={"actor_id": _user_id(owner_client)})
    told(contact, "STAFF_WITH_PROOF", source="staff", actor="staff")
    page = owner_client.get(f"/audience/contacts/{contact}").content.decode()
    for words in (
        "The customer agreed to marketing by WhatsApp",
        "Ja, ich will",
        "https://shop.example/sign-up",
        "192.0.2.7",
        "wording hosted_form/whatsapp/de/2",
        "Staff marked: wants no more marketing by WhatsApp",
        "Olivia Owner",
        "After an opt-out only the customer can opt in again.",
        "Stays unsubscribed.",
        "follows from",
    ):
        assert words in page, words


def _user_id(client: Client) -> str:
    return str(client.session["_auth_user_id"])


def test_evidence_that_came_later_stands_at_its_entry(owner_client: Client, make_contact: Callable) -> None:
    contact = make_contact()
    opt_in = told(contact, "OPT_IN", source="shopify")
    added = told(contact, "EVIDENCE", source="shopify_checkout", actor="system", caused_by=opt_in,
                 evidence={"reference": "order 4711"})  # fmt: skip
    page = owner_client.get(f"/audience/contacts/{contact}").content.decode()
    assert page.count("<li class=") - page.count("Added later") >= 0
    assert page.count(f'href="{LEDGER}/{added}"') == 1
    assert page.index(f"Entry {opt_in}</a>") > page.index("order 4711")
    assert "Shopify checkout" in page


def test_erased_evidence_says_so(owner_client: Client, make_contact: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = told(make_contact(), "OPT_IN", evidence={"ip": "192.0.2.7"})
    assert "192.0.2.7" in owner_client.get(f"{LEDGER}/{entry}").content.decode()
    monkeypatch.setattr(
        queries, "evidence_of", lambda entries: {}
    )  # what erasing leaves: the digest in the entry alone
    page = owner_client.get(f"{LEDGER}/{entry}").content.decode()
    assert "Evidence erased on a privacy request" in page and "192.0.2.7" not in page
    assert "Computed again: it holds" in page
