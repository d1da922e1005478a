"""Two contacts that are one person, through the API."""

from __future__ import annotations

import pytest
from tests.consenting import PHONE, event, make_contact, state

from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import ContactMerge
from sayso.shops.tenancy import enter_shop


@pytest.fixture
def pair(shop):
    """A customer of the store who agreed, and somebody who did not want to be written to any more."""
    customer = make_contact(1, PHONE, "ada@example.com")
    [made] = apply([ContactChange(source=Source.STAFF, profile=Profile(first_name="Ada", phone="+447911123457"))])
    record([event(customer, "OPT_IN", 1), event(made.contact_id, "OPT_OUT", 2)])
    return customer, made.contact_id


def test_merging_and_parting(api, shop, pair):
    customer, other = pair
    done = api.post(f"/contacts/{other}/merge", {"other_id": customer})
    assert done.status_code == 200, done.content
    assert (done.json()["survivor_id"], done.json()["merged_id"], done.json()["cause"]) == (customer, other, "staff")
    enter_shop(shop.pk)
    assert state(customer) == "UNSUBSCRIBED"
    assert ContactMerge.objects.get().actor_id == "API token tests"
    assert api.get(f"/contacts/{customer}/merges").json() == {"items": [done.json()]}
    assert api.get(f"/contacts/{other}/merges").json() == {"items": [done.json()]}
    apart = api.post(f"/merges/{done.json()['id']}/undo")
    assert apart.status_code == 200 and apart.json()["undone_at"]
    again = api.post(f"/merges/{done.json()['id']}/undo")
    assert again.status_code == 409 and "undone already" in again.json()["detail"]


def test_what_cannot_be_merged_is_said(api, shop, pair, make_shop, make_caller):
    customer, other = pair
    assert api.post(f"/contacts/{customer}/merge", {"other_id": customer}).status_code == 422
    assert api.post(f"/contacts/{customer}/merge", {"other_id": 2**62}).status_code == 422
    assert api.post(f"/contacts/{2**62}/merge", {"other_id": customer}).status_code == 404
    assert api.post(f"/merges/{2**62}/undo").status_code == 404
    enter_shop(shop.pk)
    second = make_contact(2, None, "eve@example.com")
    refused = api.post(f"/contacts/{customer}/merge", {"other_id": second})
    assert refused.status_code == 409 and "Merge them in Shopify" in refused.json()["detail"]
    assert make_caller(shop, "viewer").post(f"/contacts/{customer}/merge", {"other_id": other}).status_code == 403
    assert make_caller(make_shop()).post(f"/contacts/{customer}/merge", {"other_id": other}).status_code == 404
    enter_shop(shop.pk)
    assert not ContactMerge.objects.exists()
