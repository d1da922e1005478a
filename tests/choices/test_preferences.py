"""The preference page and the unsubscribe link: no sign-in, no GET that changes anything, no token that opens more."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.making import make_contact

from sayso.choices import links, preferences, tokens
from sayso.choices.models import Feedback
from sayso.choices.topics import create as make_topic
from sayso.consent import links as registry
from sayso.consent import settings as consent_settings
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import ConsentState, Evidence, LedgerEntry, TopicChoice
from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact
from sayso.shops.tenancy import enter_shop


@pytest.fixture
def person(ready) -> int:
    return make_contact("OPT_IN")


@pytest.fixture
def a_moment_later(monkeypatch):
    """What the person does in the test happens in one second of an hour ago, until this is called: of an opt-out and an
    opt-in in one second the opt-out wins, and people are slower than tests."""
    real, then = preferences.now, datetime.now(UTC) - timedelta(hours=1)
    monkeypatch.setattr(preferences, "now", lambda: then)
    return lambda: monkeypatch.setattr(preferences, "now", real)


def path_of(url: str) -> str:
    return url[url.index("/", 8) :] if url.startswith("http") else url


def state(shop, contact_id: int) -> ConsentState:
    enter_shop(shop.pk)
    return ConsentState.objects.get(contact_id=contact_id)


def last_entry(shop) -> LedgerEntry:
    enter_shop(shop.pk)
    return LedgerEntry.objects.order_by("-id")[0]


def test_the_link_names_no_address_and_is_offered_to_the_rooms_below(person, ready):
    url = links.preference_url(person, "whatsapp")
    contact = Contact.objects.get(pk=person)
    assert contact.phone.strip("+") not in url and contact.email not in url and contact.phone_key.hex() not in url
    assert registry.link("preferences", person, "whatsapp") == url
    assert registry.link("unsubscribe", person, "email") == links.unsubscribe_url(person, "email")
    assert registry.link("confirmation", person, "email") is None
    assert links.unsubscribe_urls([person], "email") == {person: links.unsubscribe_url(person, "email")}


def test_a_get_changes_nothing(person, ready, visitor):
    before = LedgerEntry.objects.count()
    for url in (links.preference_url(person, "whatsapp"), links.unsubscribe_url(person, "whatsapp")):
        enter_shop(ready.pk)
        answer = visitor.get(path_of(url))
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
        assert "set-cookie" not in {name.lower() for name in answer.headers}
        assert visitor.client.head(path_of(url)).status_code == 200
    enter_shop(ready.pk)
    assert LedgerEntry.objects.count() == before


def test_one_click_of_a_mail_program(person, ready, visitor):
    """RFC 8058: the body alone, no cookie, no redirect; for e-mail it touches e-mail alone."""
    record([ConsentEvent(person, Channel.EMAIL, "OPT_IN", datetime.now(UTC), "test")])
    url = path_of(links.unsubscribe_url(person, "email"))
    answer = visitor.post(url, {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    now = state(ready, person)
    assert (now.email_state, now.whatsapp_state) == ("UNSUBSCRIBED", "SUBSCRIBED")
    entry = last_entry(ready)
    assert (entry.event, entry.source, entry.actor_kind) == ("OPT_OUT", "unsubscribe_link", "customer")
    evidence = json.loads(Evidence.objects.get(ledger_id=entry.pk).data)
    assert evidence["page"] == "http://testserver/u"  # never the token: a proof must not speak for the person
    assert evidence["ip"] == "203.0.113.7"


def test_repeating_it_a_thousand_times_does_not_fill_the_ledger(person, ready, visitor):
    url = path_of(links.unsubscribe_url(person, "whatsapp"))
    for _ in range(12):
        assert visitor.post(url).status_code == 200
        enter_shop(ready.pk)
    assert LedgerEntry.objects.filter(event="OPT_OUT", channel="whatsapp").count() == 6


def test_a_phone_link_stops_both_phone_channels_and_offers_the_way_back(person, ready, visitor, a_moment_later):
    url = path_of(links.unsubscribe_url(person, "whatsapp"))
    page = visitor.post(url).content.decode()
    assert "You are unsubscribed" in page and "Subscribe again" in page and "Too many messages" in page
    assert state(ready, person).sms_state == "UNSUBSCRIBED"
    assert visitor.post(f"{url}/again")["Location"].endswith("notice=too_soon")
    a_moment_later()
    answer = visitor.post(f"{url}/again")
    assert answer["Location"].endswith("notice=done_on")
    now = state(ready, person)
    assert (now.whatsapp_state, now.sms_state) == ("SUBSCRIBED", "UNSUBSCRIBED")
    entry = last_entry(ready)
    assert (entry.source, entry.wording_version) == ("preference_centre", "preference_centre/whatsapp/en/1")
    evidence = json.loads(Evidence.objects.get(ledger_id=entry.pk).data)
    assert evidence["wording"] == "Subscribe again: yes, send me offers and news by WhatsApp"


def test_coming_back_is_confirmed_where_the_shop_wants_it(person, ready, visitor, a_moment_later):
    consent_settings.change(ready, actor_kind="staff", resubscribe_needs_confirmation=True)
    url = path_of(links.unsubscribe_url(person, "whatsapp"))
    visitor.post(url)
    a_moment_later()
    assert visitor.post(f"{url}/again")["Location"].endswith("notice=done_pending")
    assert state(ready, person).whatsapp_state == "PENDING"


def test_reasons_are_kept_and_counted(person, ready, visitor, owner_client):
    url = path_of(links.unsubscribe_url(person, "whatsapp"))
    assert visitor.post(f"{url}/why", {"reason": "TOO_MANY", "text": "four a day!\x00"}).status_code == 303
    visitor.post(f"{url}/why", {"reason": "made up"})
    enter_shop(ready.pk)
    assert list(Feedback.objects.values_list("reason", "text")) == [("TOO_MANY", "four a day!")]
    page = owner_client.get("/audience/opt-out-reasons").content.decode()
    assert "four a day!" in page and "100 %" in page


@pytest.mark.parametrize(("mode", "said"), [("TWO_CLICKS", "sure=1"), ("CATEGORIES", None)])
def test_modes(person, ready, visitor, mode, said):
    consent_settings.change(ready, actor_kind="staff", unsubscribe_mode=mode)
    url = path_of(links.unsubscribe_url(person, "email"))
    answer = visitor.get(url)
    if said is None:
        assert answer["Location"].startswith("/p/")
    else:
        assert said in answer.content.decode()
        page = visitor.get(f"{url}?sure=1").content.decode()
        assert "Why are you leaving" in page
        enter_shop(ready.pk)
        visitor.post(url, {"reason": "PRIVACY"})
        enter_shop(ready.pk)
        assert Feedback.objects.get().reason == "PRIVACY"
    visitor.post(url, {"List-Unsubscribe": "One-Click"})  # at once, whatever the mode
    assert state(ready, person).email_state == "UNSUBSCRIBED"


def test_channels_have_one_off_switch_for_the_phone_and_a_switch_each_to_come(person, ready, visitor, a_moment_later):
    url = path_of(links.preference_url(person, "sms"))
    page = visitor.get(url).content.decode()
    assert "You get messages here." in page and "Stop all messages to my phone" in page
    visitor.post(url, {"action": "off", "channel": "whatsapp"})
    now = state(ready, person)
    assert (now.whatsapp_state, now.sms_state) == ("UNSUBSCRIBED", "UNSUBSCRIBED")
    a_moment_later()
    # One number: a link that came by SMS proves it for WhatsApp too.
    assert visitor.post(url, {"action": "on", "channel": "whatsapp"})["Location"].endswith("done_on")
    now = state(ready, person)
    assert (now.whatsapp_state, now.sms_state) == ("SUBSCRIBED", "UNSUBSCRIBED")


def test_an_address_the_link_does_not_prove_must_be_confirmed_there(person, ready, visitor, a_moment_later):
    record([ConsentEvent(person, Channel.EMAIL, "OPT_IN", datetime.now(UTC) - timedelta(days=1), "test")])
    by_mail = path_of(links.preference_url(person, "email"))
    visitor.post(by_mail, {"action": "off_all"})
    now = state(ready, person)
    assert (now.whatsapp_state, now.email_state) == ("UNSUBSCRIBED", "UNSUBSCRIBED")
    a_moment_later()
    assert visitor.post(by_mail, {"action": "on", "channel": "whatsapp"})["Location"].endswith("done_pending")
    assert state(ready, person).whatsapp_state == "PENDING"


def test_the_former_holder_of_a_number_cannot_opt_in_the_present_one(person, ready, visitor):
    url = path_of(links.preference_url(person, "whatsapp"))
    moved = ContactChange(
        source=Source.STAFF, contact_id=person, profile=Profile(phone="+4915199999999"), fields=frozenset({"phone"})
    )
    apply([moved])
    assert visitor.post(url, {"action": "on", "channel": "whatsapp"})["Location"].endswith("done_pending")
    assert state(ready, person).whatsapp_state == "PENDING"


def test_topics(person, ready, visitor):
    for title in ("New arrivals", "Sale"):
        make_topic(title)
    url = path_of(links.preference_url(person, "whatsapp"))
    page = visitor.get(url).content.decode()
    assert page.count(" checked") == 2  # nothing chosen yet: everything comes
    enter_shop(ready.pk)
    visitor.post(url, {"action": "topics", "channel": "whatsapp", "topics": ["sale"]})
    enter_shop(ready.pk)
    assert dict(TopicChoice.objects.values_list("topic", "wanted")) == {"new-arrivals": False, "sale": True}
    before = LedgerEntry.objects.count()
    visitor.post(url, {"action": "topics", "channel": "whatsapp", "topics": ["sale"]})
    enter_shop(ready.pk)
    assert LedgerEntry.objects.count() == before  # the same choice again says nothing new
    assert visitor.get(url).content.decode().count(" checked") == 1


def test_forged_foreign_and_overlong_tokens_open_nothing(person, ready, visitor):
    token = links.preference_url(person, "whatsapp").rsplit("/", 1)[1]
    body, signature = token.rsplit(".", 1)
    other = body.replace(str(person), str(person + 1), 1)
    confirmation = tokens.write_confirmation(
        tokens.Confirmation(ready.pk, person, Channel.WHATSAPP, datetime.now(UTC), "00")
    )
    for bad in (f"{other}.{signature}", f"{body}.{signature[:-2]}xx", "x", "." * 10, token * 20, confirmation):
        for room in "puc":
            if room == "c" and bad == confirmation:
                continue
            assert visitor.get(f"/{room}/{bad}").status_code == 404
            assert visitor.post(f"/{room}/{bad}").status_code == 404
    assert state(ready, person).whatsapp_state == "SUBSCRIBED"


def test_deleted_and_redacted_people_get_a_neutral_page_and_their_opt_out_all_the_same(person, ready, visitor):
    pages, stop = path_of(links.preference_url(person, "email")), path_of(links.unsubscribe_url(person, "email"))
    apply([ContactChange(source=Source.SHOPIFY, contact_id=person, deleted=True)])
    for url in (pages, stop):
        page = visitor.get(url)
        assert page.status_code == 200 and "belongs to nobody" in page.content.decode()
        assert "Ada" not in page.content.decode()
    assert "belongs to nobody" in visitor.post(stop).content.decode()
    assert state(ready, person).email_state == "UNSUBSCRIBED"
    assert visitor.get(path_of(links.preference_url(999_999, "email"))).status_code == 200


def test_many_changes_are_slowed_down_but_stopping_is_not(person, ready, visitor):
    url = path_of(links.preference_url(person, "whatsapp"))
    answers = {visitor.post(url, {"action": "on", "channel": "whatsapp"}).status_code for _ in range(61)}
    assert answers == {303, 429}
    assert visitor.post(url, {"action": "off", "channel": "whatsapp"}).status_code == 303
    assert state(ready, person).whatsapp_state == "UNSUBSCRIBED"


def test_in_the_persons_language(person, ready, visitor):
    moved = ContactChange(
        source=Source.STAFF, contact_id=person, profile=Profile(locale="pt-BR"), fields=frozenset({"locale"})
    )
    apply([moved])
    url = path_of(links.preference_url(person, "whatsapp"))
    assert '<html lang="pt">' in visitor.get(url, **{"accept-language": "de"}).content.decode()
    assert '<html lang="nl">' in visitor.get(f"{url}?lang=nl").content.decode()
