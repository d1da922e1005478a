"""Settings → Consent → Words and replies, and possible opt-outs on the profile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from tests.making import make_template

from sayso.channels.whatsapp.types import InboundMessage, Person
from sayso.consent import queries as consent
from sayso.consent import settings
from sayso.consent.models import Evidence, LedgerEntry
from sayso.contacts.models import Contact
from sayso.events.models import Event
from sayso.messaging.models import Message, PossibleOptOut
from sayso.messaging.receive import receive
from sayso.shops.models import Shop

from .conftest import say

PAGE = "/settings/consent/words"
BUTTONS = [{"type": "QUICK_REPLY", "text": "Stop promotions"}, {"type": "QUICK_REPLY", "text": "Not for me"}]


def filled(**values: object) -> dict[str, object]:
    """The form as the browser sends it, with nothing chosen."""
    sets = {
        f"{prefix}-{name}": value
        for prefix in ("opt_out_ack", "confirmation", "notice")
        for name, value in {
            "TOTAL_FORMS": "1", "INITIAL_FORMS": "0", "0-language": "", "0-text": "",
        }.items()
    }  # fmt: skip
    return sets | {"opt_out_keywords": "", "opt_in_keywords": "", "confirmation_template": ""} | values


def of(shop: Shop) -> settings.Settings:
    return settings.of(Shop.objects.get(pk=shop.pk))


def write(contact_id: int, text: str, *, ago: timedelta = timedelta(0)) -> Message:
    phone = Contact.objects.get(pk=contact_id).phone
    at = datetime.now(UTC) - ago
    receive(
        [InboundMessage(f"wamid.{text}", "text", Person(wa_id=phone.lstrip("+")), at, text=text)],
        sender_id=None,
    )
    return Message.objects.get(provider_id=f"wamid.{text}")


@pytest.mark.parametrize(
    ("message", "words"),
    [("stop please", "Opts out"), ("don't stop", "Possible opt-out"), ("yes", "Confirms"), ("hello", "No effect")],
)
def test_trying_a_message(owner_client: Client, message: str, words: str) -> None:
    assert words in owner_client.get(PAGE, {"message": message}).content.decode()


def test_trying_with_words_that_are_not_saved(owner_client: Client) -> None:
    page = owner_client.get(
        PAGE, {"message": "feierabend", "opt_out_keywords": "Feierabend\n\n!!", "opt_in_keywords": ""}
    )
    assert b"Opts out" in page.content


def test_what_is_saved(owner_client: Client, shop: Shop) -> None:
    make_template(shop, "UTILITY", name="confirm")
    given = filled(
        opt_out_keywords="Feierabend\r\n feierabend! \r\n\r\nGeh weg", opt_in_keywords="START", ack_sms="on",
        confirmation_template="confirm",
    ) | {"opt_out_ack-0-language": "de", "opt_out_ack-0-text": "Tschüss von {{shop.name}}"}  # fmt: skip
    assert owner_client.post(PAGE, given).status_code == 302
    chosen = of(shop)
    assert chosen.opt_out_keywords == ["Feierabend", "Geh weg"]
    assert chosen.opt_in_keywords == ["START"]
    assert chosen.opt_out_ack == {"whatsapp": False, "sms": True}
    assert chosen.opt_out_text == {"de": "Tschüss von {{shop.name}}"}
    assert chosen.confirmation_template == "confirm"
    event = Event.objects.get(kind="settings.changed")
    assert event.actor_kind == "staff" and "opt_out_text" in event.data
    assert "Tschüss" in owner_client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"opt_out_keywords": "Ja"}, "cannot opt out"),
        ({"opt_out_keywords": "!!!"}, "no letter"),
        ({"opt_out_keywords": "x" * 61}, "longer than 60"),
        ({"opt_out_keywords": "\n".join(f"word {n}" for n in range(201))}, "at most 200"),
        ({"opt_in_keywords": "stop"}, "it cannot opt in"),
        ({"opt_in_keywords": "los", "opt_out_keywords": "Los!"}, "cannot opt in and out"),
        ({"notice-0-text": "Hello"}, "Name the language"),
        ({"notice-0-text": "Hello", "notice-0-language": "German?"}, "language code"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_saved(owner_client: Client, shop: Shop, given: dict, words: str) -> None:
    answer = owner_client.post(PAGE, filled(**given))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert of(shop) == settings.Settings()


def test_buttons_are_declared_only_where_chosen_otherwise(owner_client: Client, shop: Shop) -> None:
    template = make_template(shop, components=[{"type": "BUTTONS", "buttons": BUTTONS}])
    owner_client.post(PAGE, filled(button=f"{template.pk}:0"))
    template.refresh_from_db()
    assert template.opt_out_buttons is None  # what the label says anyway
    owner_client.post(PAGE, filled(button=[f"{template.pk}:0", f"{template.pk}:1"]))
    template.refresh_from_db()
    assert template.opt_out_buttons == ["Not for me", "Stop promotions"]
    told = Event.objects.filter(kind="settings.changed", actor_kind="staff").latest("id").data["opt_out_buttons"]
    assert told == {f"{template.name} (en)": [None, ["Not for me", "Stop promotions"]]}
    owner_client.post(PAGE, filled())
    template.refresh_from_db()
    assert template.opt_out_buttons == []


def test_a_viewer_reads_and_changes_nothing(viewer_client: Client, shop: Shop) -> None:
    assert b">Save<" not in viewer_client.get(PAGE).content
    assert viewer_client.post(PAGE, filled(opt_out_keywords="x y")).status_code == 403


class TestTheProfile:
    @pytest.fixture
    def suggestion(self, make_contact: Callable) -> PossibleOptOut:
        contact_id = make_contact()
        say(contact_id, "OPT_IN")
        write(contact_id, "can you stop by <b>the shop</b>?")
        return PossibleOptOut.objects.get()

    def address(self, one: PossibleOptOut) -> str:
        return f"/audience/contacts/{one.contact_id}/possible-opt-out/{one.pk}"

    def test_one_click_records_it_with_the_message(self, owner_client: Client, suggestion: PossibleOptOut) -> None:
        page = owner_client.get(f"/audience/contacts/{suggestion.contact_id}").content.decode()
        assert "Possible opt-out" in page and "&lt;b&gt;the shop" in page
        answer = owner_client.post(self.address(suggestion), {"decision": "OPT_OUT"}, follow=True)
        assert b"Unsubscribed from WhatsApp and SMS" in answer.content
        assert b"Possible opt-out" not in answer.content
        entry = LedgerEntry.objects.get(contact_id=suggestion.contact_id, event="OPT_OUT", channel="whatsapp")
        assert Evidence.objects.get(ledger_id=entry.pk, data__contains="can you stop by")

    def test_dismissing_changes_nothing(self, owner_client: Client, suggestion: PossibleOptOut) -> None:
        answer = owner_client.post(self.address(suggestion), {"decision": "NONE"}, follow=True)
        assert b"Possible opt-out" not in answer.content
        assert consent.of_contact(suggestion.contact_id)[0].state == "SUBSCRIBED"

    def test_a_viewer_sees_it_and_cannot_decide(self, viewer_client: Client, suggestion: PossibleOptOut) -> None:
        page = viewer_client.get(f"/audience/contacts/{suggestion.contact_id}").content
        assert b"Possible opt-out" in page and b"Record the opt-out" not in page
        assert viewer_client.post(self.address(suggestion), {"decision": "OPT_OUT"}).status_code == 403

    def test_of_another_contact_it_is_not_found(
        self, owner_client: Client, suggestion: PossibleOptOut, make_contact: Callable
    ) -> None:
        wrong = f"/audience/contacts/{make_contact()}/possible-opt-out/{suggestion.pk}"
        assert owner_client.post(wrong, {"decision": "OPT_OUT"}).status_code == 404

    def test_unsubscribing_asks_for_what_shows_it(self, owner_client: Client, make_contact: Callable) -> None:
        contact_id = make_contact()
        say(contact_id, "OPT_IN")
        message = write(contact_id, "bitte schreibt mir nicht")
        address = f"/audience/contacts/{contact_id}/unsubscribe"
        refused = owner_client.post(address, {"channel": "sms"}, follow=True)
        assert b"Choose the message that shows the request" in refused.content
        owner_client.post(address, {"channel": "sms", "message": message.pk})
        entry = LedgerEntry.objects.get(contact_id=contact_id, event="OPT_OUT", channel="sms")
        assert f'"message_id":{message.pk}' in Evidence.objects.get(ledger_id=entry.pk).data.replace(" ", "")

    def test_an_older_message_does_not_undo_a_newer_opt_in(self, owner_client: Client, make_contact: Callable) -> None:
        contact_id = make_contact()
        message = write(contact_id, "lasst das", ago=timedelta(hours=1))
        say(contact_id, "OPT_IN")
        answer = owner_client.post(
            f"/audience/contacts/{contact_id}/unsubscribe", {"channel": "whatsapp", "message": message.pk}, follow=True
        )
        assert "opted in on WhatsApp after that message" in answer.content.decode()
        assert consent.of_contact(contact_id)[0].state == "SUBSCRIBED"
