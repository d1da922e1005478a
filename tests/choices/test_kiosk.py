"""The tablet in the shop: opened by staff, filled in by customers, always to be confirmed, with nothing else in reach."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from sayso.choices import manage, tokens
from sayso.choices.submit import take
from sayso.consent.models import ConsentState, Evidence, LedgerEntry
from sayso.events.models import Event
from sayso.shops.models import Membership, User
from sayso.shops.tenancy import enter_shop


@pytest.fixture
def form(make_form):
    return make_form("IN_STORE", place="Till 1")


@pytest.fixture
def tablet(form, owner_client: Client) -> str:
    """The address that the tablet shows."""
    answer = owner_client.post(f"/audience/forms/{form.pk}/kiosk", {"place": "Hamburg, till 2"})
    assert answer.status_code == 302
    enter_shop(form.shop_id)
    return answer["Location"]


def test_opening_it_signs_the_device_out_and_is_logged(form, tablet, owner_client):
    assert owner_client.get("/")["Location"].startswith("/accounts/login")
    enter_shop(form.shop_id)
    event = Event.objects.get(kind="kiosk.opened")
    assert (event.actor_kind, event.data["place"]) == ("staff", "Hamburg, till 2")


def test_a_customer_fills_it_in(form, tablet, visitor, ready):
    page = visitor.get(tablet)
    body = page.content.decode()
    assert "checked" not in body and 'autocomplete="off"' in body and "kiosk.js" in body
    assert not re.findall(r'<a [^>]*href="(?:https?:|/(?!k/))', body)  # nothing leads away
    assert "script-src 'self'" in page["Content-Security-Policy"] and page["Cache-Control"] == "no-store"
    answer = visitor.fill(tablet)
    assert answer["Location"].startswith(f"{tablet}/thanks")
    thanks = visitor.get(answer["Location"]).content.decode()
    assert f'data-next="{tablet}"' in thanks
    enter_shop(ready.pk)
    take(ready.pk)
    assert ConsentState.objects.get().whatsapp_state == "PENDING"  # whatever the settings
    entry = LedgerEntry.objects.get(event="OPT_IN_UNCONFIRMED")
    assert (entry.source, entry.actor_kind, entry.wording_version) == (
        "in_store_form", "customer", "in_store_form/whatsapp/en/1",
    )  # fmt: skip
    evidence = json.loads(Evidence.objects.get(ledger_id=entry.pk).data)
    staff = User.objects.get(email="owner@example.com")
    assert (evidence["place"], evidence["actor_id"]) == ("Hamburg, till 2", str(staff.pk))
    assert evidence["page"] == "http://testserver/k"


def test_it_ends_with_the_form_the_right_or_the_account(form, tablet, visitor, ready):
    assert visitor.get(tablet).status_code == 200
    member = Membership.objects.get(shop=ready)
    member.role = "viewer"
    member.save()
    assert visitor.get(tablet).status_code == 404
    member.role = "admin"
    member.save()
    assert visitor.get(tablet).status_code == 200
    User.objects.update(is_active=False)
    assert visitor.post(tablet).status_code == 404
    User.objects.update(is_active=True)
    enter_shop(ready.pk)
    manage.close(form, actor_id="1")
    assert visitor.get(tablet).status_code == 404
    assert visitor.get(f"{tablet}/thanks").status_code == 404


def test_forged_and_foreign_tokens(form, tablet, visitor, make_form):
    token = tablet.rsplit("/", 1)[1]
    hosted = make_form()
    other = tokens.write_kiosk(tokens.Kiosk(hosted.shop_id, hosted.pk, 1, "x"))
    for bad in (token[:-3] + "abc", other, "x", token * 50):
        assert visitor.get(f"/k/{bad}").status_code == 404
    assert visitor.get(f"/f/{form.shop_id}-{form.key}").status_code == 404  # not a hosted form


def test_only_who_may_record_opt_ins_opens_it(form, shop):
    from tests.ui.conftest import sign_in

    assert sign_in(shop, "viewer").post(f"/audience/forms/{form.pk}/kiosk", {"place": "x"}).status_code == 403


def test_a_place_is_needed(form, owner_client):
    answer = owner_client.post(f"/audience/forms/{form.pk}/kiosk", {"place": " "}, follow=True)
    assert "Name the place." in answer.content.decode()
