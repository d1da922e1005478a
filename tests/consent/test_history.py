"""The time machine: what was known at a past moment, to the page, the API and the terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from tests.api.conftest import Caller
from tests.consent.ledger_people import T0, people

from sayso.consent import history, queries
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import LedgerEntry
from sayso.consent.moments import local
from sayso.consent.record import record
from sayso.shops import tokens

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def contact(shop):
    """Four entries that are recorded in two calls, so at two moments."""
    [id] = people(shop, 1)
    return id


def moments(contact: int) -> list[datetime]:
    rows = LedgerEntry.objects.filter(contact_id=contact).order_by("recorded_at").values_list("recorded_at", flat=True)
    return sorted(set(rows))


def at(contact: int, moment: datetime) -> dict[str, str]:
    return {one.channel: one.state for one in history.states_at(contact, moment)}


def test_states_of_every_moment(contact):
    first, second = moments(contact)
    assert set(at(contact, first - timedelta(microseconds=1)).values()) == {"UNKNOWN"}
    assert (
        set(at(contact, first).values())
        == set(at(contact, second - timedelta(microseconds=1)).values())
        == {"SUBSCRIBED"}
    )
    assert at(contact, second) == {"whatsapp": "SUBSCRIBED", "sms": "SUBSCRIBED", "email": "UNSUBSCRIBED"}


def test_now_is_what_the_gate_uses(contact):
    then = history.states_at(contact, timezone.now())
    now = queries.of_contact(contact)
    assert [(one.channel, one.state, one.since, one.basis) for one in then] == [
        (one.channel, one.state, one.since, one.basis) for one in now
    ]


def test_what_was_recorded_later_was_not_known(contact):
    """An opt-out that happened before an opt-in but was told after it changes nothing about the time in between."""
    known = moments(contact)[-1]
    record([ConsentEvent(contact, Channel.SMS, "OPT_OUT", T0 + timedelta(minutes=1), "stop_reply")])
    assert at(contact, known)["sms"] == "SUBSCRIBED"
    assert at(contact, timezone.now())["sms"] == "UNSUBSCRIBED"


def test_who_could_be_messaged(shop):
    ids = people(shop, 7)
    first, second = moments(ids[0])
    assert history.count_messageable(first, "email") == 7 and history.count_messageable(second, "email") == 0
    assert history.count_messageable(LONG_AGO, "sms") == 0
    page = history.messageable(second, "sms", limit=3)
    rest = history.messageable(second, "sms", after=page[-1].contact_id)
    assert [one.contact_id for one in page + rest] == ids
    assert [one.contact_id for one in history.every_messageable(second, "sms")] == ids


@pytest.mark.parametrize(("text", "found"), [("", None), ("x", None), ("0001-01-01T00:00", None)])
def test_moments_that_are_none(text, found):
    assert local(text) is found


def test_a_minute_means_its_end():
    assert local("2026-11-01T12:00").second == 59


# The page


def test_the_profile_shows_a_past_moment(owner_client, contact):
    page = owner_client.get(reverse("profile", args=[contact]), {"at": "2020-01-01T00:00"}).content.decode()
    assert "Nothing had been recorded by then." in page and "What was known on" in page
    page = owner_client.get(reverse("profile", args=[contact])).content.decode()
    assert "Opted out" in page and "Download proof" in page and "As it was on" in page


def test_the_page_of_then(owner_client, contact):
    this_minute = timezone.now().strftime("%Y-%m-%dT%H:%M")
    page = owner_client.get(reverse("consent_then"), {"channel": "sms", "at": this_minute}).content.decode()
    assert "1 contact on SMS" in page and f"Contact {contact}" in page
    assert (
        "Enter a valid date/time"
        in owner_client.get(reverse("consent_then"), {"at": "x", "channel": "sms"}).content.decode()
    )
    answer = owner_client.post(reverse("consent_then"), {"channel": "sms", "at": this_minute})
    assert answer.url == reverse("consent_exports")
    page = owner_client.get(reverse("consent_then"), {"channel": "sms", "at": "2100-01-01T00:00"}).content.decode()
    assert "That moment has not come yet." in page and "contact on SMS" not in page


# The API


@pytest.fixture
def api(shop):
    return Caller(tokens.create("tests", "owner")[1])


def test_the_api_tells_the_past(api, contact):
    first, second = moments(contact)
    said = api.get(f"/contacts/{contact}/consent", at=first.isoformat()).json()
    assert {one["state"] for one in said["consents"]} == {"SUBSCRIBED"} and len(said["ledger"]) == 3
    assert len(api.get(f"/contacts/{contact}/consent").json()["ledger"]) == 4
    said = api.get("/consent/messageable", at=second.isoformat(), channel="sms").json()
    assert said["count"] == 1 and said["items"][0]["contact_id"] == contact
    assert api.get("/consent/messageable", at="yesterday", channel="sms").status_code == 422


def test_the_ledger_over_the_api(api, shop):
    people(shop, 3)
    page = api.get("/consent/ledger", limit=5, outcome="ACCEPTED").json()
    rest = api.get("/consent/ledger", limit=50, outcome="ACCEPTED", cursor=page["next_cursor"]).json()
    ids = [one["id"] for one in page["items"] + rest["items"]]
    assert ids == sorted(set(ids), reverse=True) and len(ids) == 12
    assert {one["event"] for one in api.get("/consent/ledger", event="OPT_OUT").json()["items"]} == {"OPT_OUT"}
    assert api.get("/consent/ledger", since="2030-01-01T00:00:00Z").json()["items"] == []


def test_the_scope_that_exports(shop, contact):
    viewer = Caller(tokens.create("tests", "viewer")[1])
    assert viewer.get("/consent/ledger").status_code == 200
    for path in ("/consent/exports", f"/contacts/{contact}/consent/proof"):
        assert viewer.get(path).status_code == 403
