"""A contact's profile and what can be done there."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from sayso.consent import queries as consent
from sayso.consent.models import Evidence, LedgerEntry
from sayso.contacts.models import Contact

from .conftest import say


def states(contact_id: int) -> dict[str, str]:
    return {one.channel: one.state for one in consent.of_contact(contact_id)}


def test_the_profile_shows_facts_consent_and_history(owner_client: Client, make_contact: Callable) -> None:
    contact_id = make_contact("Ada", "Byron", tags=["vip"])
    say(contact_id, "OPT_IN")
    page = owner_client.get(f"/audience/contacts/{contact_id}").content.decode()
    for words in ("Ada Byron", "vip", "WhatsApp: Subscribed", "agreed to marketing by WhatsApp", "Consent history"):
        assert words in page


def test_unsubscribing_stops_both_phone_channels_and_names_who_did_it(
    owner_client: Client, make_contact: Callable
) -> None:
    contact_id = make_contact()
    say(contact_id, "OPT_IN")
    answer = owner_client.post(
        f"/audience/contacts/{contact_id}/unsubscribe", {"channel": "whatsapp", "how": "at the counter"}, follow=True
    )
    assert b"Unsubscribed from" in answer.content
    assert states(contact_id)["whatsapp"] == states(contact_id)["sms"] == "UNSUBSCRIBED"
    entry = LedgerEntry.objects.filter(contact_id=contact_id, event="OPT_OUT", channel="whatsapp").get()
    assert (entry.source, entry.actor_kind) == ("staff", "staff")
    assert Evidence.objects.filter(ledger_id=entry.pk, data__contains="actor_id").exists()


def test_nothing_on_the_page_raises_an_opted_out_contact(owner_client: Client, make_contact: Callable) -> None:
    contact_id = make_contact()
    say(contact_id, "OPT_OUT")
    page = owner_client.get(f"/audience/contacts/{contact_id}").content.decode()
    assert '<option value="whatsapp"' not in page
    assert "subscribe</button>" not in page.replace("Unsubscribe</button>", "")


def test_a_channel_that_is_none_changes_nothing(owner_client: Client, make_contact: Callable) -> None:
    contact_id = make_contact()
    answer = owner_client.post(f"/audience/contacts/{contact_id}/unsubscribe", {"channel": "pigeon"}, follow=True)
    assert b"Choose the channel" in answer.content
    assert set(states(contact_id).values()) == {"UNKNOWN"}


def test_excluding_and_taking_it_back(owner_client: Client, make_contact: Callable) -> None:
    contact_id = make_contact()
    owner_client.post(f"/audience/contacts/{contact_id}/exclude", {"excluded": "yes"})
    assert Contact.objects.get(pk=contact_id).excluded
    assert b"Excluded from messaging" in owner_client.get(f"/audience/contacts/{contact_id}").content
    owner_client.post(f"/audience/contacts/{contact_id}/exclude", {"excluded": "no"})
    assert not Contact.objects.get(pk=contact_id).excluded


def test_activity_names_what_happened(owner_client: Client, make_contact: Callable) -> None:
    contact_id = make_contact()
    say(contact_id, "OPT_IN")
    page = owner_client.get(f"/audience/contacts/{contact_id}?tab=activity&period=all").content.decode()
    assert "WhatsApp: Subscribed (was Unknown)" in page
    assert "Contact created" in page


def test_nonsense_in_the_address_is_no_error(owner_client: Client, make_contact: Callable) -> None:
    address = f"/audience/contacts/{make_contact()}?tab=activity&show=x&period=y&cursor=%00z&ledger_before=q"
    assert owner_client.get(address).status_code == 200
    assert owner_client.get("/audience/contacts/999999999999").status_code == 404
