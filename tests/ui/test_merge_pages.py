"""Merging two contacts by hand: choose, see what will be, confirm, take it back."""

from __future__ import annotations

import pytest
from tests.consenting import PHONE, event, make_contact, state

from sayso.consent.models import LedgerEntry
from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact, ContactMerge
from sayso.shops.models import Membership

OTHER = "+447911123457"


@pytest.fixture
def pair(shop):
    one = make_contact(1, PHONE, "ada@example.com")
    [made] = apply(
        [ContactChange(source=Source.STAFF, profile=Profile(first_name="Guest", last_name="King", phone=OTHER))]
    )
    shared = Profile(email="ada@example.com")
    apply([ContactChange(Source.STAFF, contact_id=made.contact_id, profile=shared, fields=frozenset({"email"}))])
    record([event(one, "OPT_IN", 1), event(made.contact_id, "OPT_OUT", 2)])
    return one, made.contact_id


def test_who_shares_an_address_is_offered(owner_client, pair):
    page = owner_client.get(f"/audience/contacts/{pair[1]}/merge").content.decode()
    assert f"?with={pair[0]}" in page
    assert "The same phone number or e-mail address" in page


def test_anybody_is_found_by_name(owner_client, pair):
    page = owner_client.get(f"/audience/contacts/{pair[0]}/merge", {"q": "King"}).content.decode()
    assert f"?with={pair[1]}" in page


def test_what_will_be_is_shown_and_nothing_is_done(owner_client, pair):
    page = owner_client.get(f"/audience/contacts/{pair[1]}/merge", {"with": pair[0]}).content.decode()
    assert "becomes part of" in page
    assert "Unsubscribed" in page
    assert not ContactMerge.objects.exists()
    assert not LedgerEntry.objects.filter(event="MERGE").exists()
    assert state(pair[0]) == "SUBSCRIBED"


def test_merging_and_undoing(owner_client, pair):
    done = owner_client.post(f"/audience/contacts/{pair[1]}/merge", {"with": pair[0]}, follow=True)
    assert done.redirect_chain[-1][0].endswith(f"/audience/contacts/{pair[0]}")
    page = done.content.decode()
    assert "became part of this contact" in page
    assert "Undo the merge" in page
    assert (Contact.objects.get(pk=pair[0]).last_name, state(pair[0])) == ("King", "UNSUBSCRIBED")
    page = owner_client.get(f"/audience/contacts/{pair[1]}").content.decode()
    assert "Became part of" in page
    assert "Deleted in Shopify" not in page
    page = owner_client.post(f"/audience/merges/{ContactMerge.objects.get().pk}/undo", follow=True).content.decode()
    assert "apart again" in page
    assert Contact.objects.get(pk=pair[1]).deleted_at is None
    assert state(pair[1]) == "UNSUBSCRIBED"


def test_what_cannot_be_merged_is_said(owner_client, pair):
    second = make_contact(2, OTHER, None)
    page = owner_client.get(f"/audience/contacts/{pair[0]}/merge", {"with": second})
    assert "Merge them in Shopify" in page.content.decode()
    refused = owner_client.post(f"/audience/contacts/{pair[0]}/merge", {"with": second})
    assert refused.status_code == 422
    assert not ContactMerge.objects.exists()


def test_a_viewer_may_not(owner_client, pair):
    Membership.objects.update(role="viewer")
    assert owner_client.get(f"/audience/contacts/{pair[0]}/merge").status_code == 403
    assert "Merge with another" not in owner_client.get(f"/audience/contacts/{pair[0]}").content.decode()
