"""Settings → Consent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from sayso.consent import inferred, settings
from sayso.consent.models import Wording
from sayso.events.models import Event
from sayso.shops.models import Shop

from .conftest import sign_in

PAGE = "/settings/consent"
FIELDS = {
    "primary_channel": "whatsapp",
    "consent_option": "EXPLICIT",
    "opt_in_confirmation_whatsapp": "NONE",
    "opt_in_confirmation_sms": "NONE",
    "opt_in_confirmation_email": "NONE",
    "double_from": "all",
}


@pytest.fixture
def switched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The shops whose change of the option was handed to the background."""
    calls: list[int] = []
    monkeypatch.setattr(inferred, "switched", calls.append)
    return calls


def now(shop: Shop) -> settings.Settings:
    shop.refresh_from_db()
    return settings.of(shop)


def test_saving_changes_what_is_different_and_names_who_did_it(
    owner_client: Client, shop: Shop, switched: list[int]
) -> None:
    answer = owner_client.post(
        PAGE,
        FIELDS
        | {
            "opt_in_confirmation_whatsapp": "DOUBLE",
            "double_from": "some",
            "double_opt_in_sources": ["shopify", "hosted_form"],
            "resubscribe_needs_confirmation": "on",
            "controller_name": "Beans & Co.",
            "privacy_policy_url": "shop.example/privacy",
            "brand_colour": "#0A6B4D",
        },
        follow=True,
    )
    assert answer.status_code == 200 and b"Saved." in answer.content
    after = now(shop)
    assert after.confirmation("whatsapp") == "DOUBLE" and after.confirmation("sms") == "NONE"
    assert after.double_opt_in_sources == ["shopify", "hosted_form"]
    assert after.resubscribe_needs_confirmation
    assert after.privacy_policy_url == "https://shop.example/privacy"
    [event] = Event.objects.filter(kind="settings.changed")
    assert event.actor_kind == "staff" and event.actor_id == owner_client.session["_auth_user_id"]
    assert set(event.data) == {
        "opt_in_confirmation", "double_opt_in_sources", "resubscribe_needs_confirmation", "controller_name",
        "privacy_policy_url", "brand_colour",
    }  # fmt: skip
    assert switched == []


def test_saving_the_same_changes_nothing(owner_client: Client) -> None:
    answer = owner_client.post(PAGE, FIELDS, follow=True)
    assert b"Nothing was different" in answer.content
    assert not Event.objects.filter(kind="settings.changed").exists()


def test_settings_of_other_pages_stay(owner_client: Client, shop: Shop) -> None:
    settings.change(
        shop, actor_kind="staff", opt_out_keywords=["basta ya"], opt_in_confirmation={"whatsapp": "DOUBLE"},
        double_opt_in_sources=["a_room_to_come", "shopify"],
    )  # fmt: skip
    owner_client.post(
        PAGE,
        FIELDS
        | {"opt_in_confirmation_whatsapp": "DOUBLE", "double_from": "some", "double_opt_in_sources": ["hosted_form"]},
    )
    assert now(shop).opt_out_keywords == ["basta ya"]
    assert now(shop).double_opt_in_sources == ["hosted_form", "a_room_to_come"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"brand_colour": "red"}, "Write the colour as # and six digits"),
        ({"privacy_policy_url": "not a page"}, "Write an address that begins with https://"),
        ({"privacy_policy_url": "javascript:alert(1)"}, "Write an address that begins with https://"),
        ({"privacy_policy_url": "ftp://shop.example/privacy"}, "Write an address that begins with https://"),
        ({"primary_channel": "pigeon"}, "Select a valid choice"),
        ({"opt_in_confirmation_sms": "TRIPLE"}, "Select a valid choice"),
        ({"double_from": "some"}, "Choose at least one"),
        ({"controller_name": "x" * 201}, "at most 200"),
        ({"phone_consent_covers_whatsapp": "on"}, "Store the wording of your checkout that names WhatsApp first"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_saved(
    owner_client: Client, shop: Shop, wrong: dict, said: str
) -> None:
    answer = owner_client.post(PAGE, FIELDS | {"resubscribe_needs_confirmation": "on"} | wrong)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in page and "Nothing was saved" in page and 'aria-invalid="true"' in page
    assert now(shop) == settings.Settings()


def test_inferring_needs_the_owners_word(owner_client: Client, shop: Shop, switched: list[int]) -> None:
    answer = owner_client.post(PAGE, FIELDS | {"consent_option": "INFERRED"})
    assert answer.status_code == 422 and b"Confirm it, or stay with explicit consent." in answer.content
    owner_client.post(PAGE, FIELDS | {"consent_option": "INFERRED", "lawful": "on"})
    assert now(shop).consent_option == "INFERRED" and switched == [shop.pk]
    [confirmed] = Event.objects.filter(kind="consent.inferred_confirmed")
    assert confirmed.actor_id == owner_client.session["_auth_user_id"]
    assert "the law allows me" in confirmed.data["confirmed"]

    owner_client.post(PAGE, FIELDS | {"consent_option": "INFERRED", "terms_url": "https://shop.example/terms"})
    assert now(shop).terms_url and switched == [shop.pk]  # staying with it asks nothing
    owner_client.post(PAGE, FIELDS)
    assert now(shop).consent_option == "EXPLICIT" and switched == [shop.pk, shop.pk]


def test_an_admin_cannot_infer_but_can_go_back(shop: Shop, switched: list[int]) -> None:
    admin = sign_in(shop, "admin")
    answer = admin.post(PAGE, FIELDS | {"consent_option": "INFERRED", "lawful": "on"})
    assert answer.status_code == 422 and b"Only an owner of the shop can decide" in answer.content
    assert now(shop).consent_option == "EXPLICIT" and switched == []
    settings.change(shop, actor_kind="staff", consent_option="INFERRED")
    assert admin.post(PAGE, FIELDS).status_code == 302
    assert now(shop).consent_option == "EXPLICIT" and switched == [shop.pk]


def test_covering_whatsapp_needs_a_wording_that_names_it(owner_client: Client, shop: Shop) -> None:
    assert b"None is stored so far" in owner_client.get(PAGE).content
    Wording.objects.create(
        shop_id=shop.pk, purpose="checkout", channel="whatsapp", language="en", version=1,
        text="Text me on WhatsApp", valid_from=datetime.now(UTC),
    )  # fmt: skip
    owner_client.post(PAGE, FIELDS | {"phone_consent_covers_whatsapp": "on"})
    assert now(shop).phone_consent_covers_whatsapp


def test_a_viewer_looks_and_changes_nothing(viewer_client: Client, shop: Shop) -> None:
    page = viewer_client.get(PAGE).content.decode()
    assert "disabled" in page and "Your role may look at these settings" in page and ">Save<" not in page
    assert viewer_client.post(PAGE, FIELDS).status_code == 403


def test_the_rules_are_a_page_of_their_own(owner_client: Client) -> None:
    assert b"Why something is refused" in owner_client.get(f"{PAGE}/rules").content


def test_a_shop_changes_its_own_settings_alone(
    owner_client: Client, shop: Shop, make_shop: Callable[..., Shop]
) -> None:
    other = make_shop()
    owner_client.post(PAGE, FIELDS | {"resubscribe_needs_confirmation": "on"})
    assert now(shop).resubscribe_needs_confirmation and not now(other).resubscribe_needs_confirmation
