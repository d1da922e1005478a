"""Who is meant by a request, and what is found of them: no less than is held, and nothing that is somebody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from tests.intake.conftest import deliver  # noqa: F401 (fixture)
from tests.making import T0
from tests.privacy.test_access import opened
from tests.privacy.test_redact import EMAIL, PHONE, eve, order

from sayso.commerce.apply import apply as apply_orders
from sayso.commerce.models import Order
from sayso.consent.models import Evidence
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact
from sayso.events.models import Event
from sayso.privacy import requests, retention, work
from sayso.privacy.models import PrivacyRequest
from sayso.privacy.people import Named
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

ACCESS, REDACT = requests.Kind.ACCESS, requests.Kind.REDACT


def moved(contact_id: int, phone: str, email: str) -> None:
    """The store tells that the customer has other addresses now."""
    number = Contact.objects.get(pk=contact_id).shopify_customer_id
    profile = Profile("Eve", "Adams", email, phone, country="GB")
    apply([ContactChange(source=Source.SHOPIFY, at=timezone.now(), shopify_customer_id=number, profile=profile)])


def everything(request: PrivacyRequest) -> str:
    archive = opened(request)
    return "".join(archive.read(name).decode() for name in archive.namelist())


class TestAnAddressThatChangedHands:
    @pytest.fixture
    def both(self, shop, deliver) -> tuple[int, int]:
        """Who had the addresses once, and who has them now."""
        before = eve("OPT_IN")
        moved(before, "+447911999999", "eve@new.example")
        [now] = apply(
            [ContactChange(source=Source.SHOPIFY, at=T0 + timedelta(days=1), shopify_customer_id=901,
                profile=Profile("Bob", "Brown", EMAIL, PHONE, country="GB"))]
        )  # fmt: skip
        body = {"id": 901, "email": EMAIL, "phone": PHONE, "first_name": "Bob", "last_name": "Brown"}
        deliver(shop, "customers/update", body=body, state="DONE")
        return before, now.contact_id

    def test_nothing_of_who_has_it_now_is_handed_out(self, ask, both):
        request = ask(ACCESS, customer_id=900)
        assert request.contact_ids == [both[0]]
        told = everything(request)
        assert "eve@new.example" in told and EMAIL in told  # she is told that it was hers
        assert "Bob" not in told and "Brown" not in told

    def test_nor_by_a_wrong_address_beside_the_right_number(self, ask, both):
        assert "Brown" not in everything(ask(ACCESS, customer_id=900, email=EMAIL, phone=PHONE))

    def test_who_has_it_now_gets_theirs(self, ask, both):
        assert "Brown" in everything(ask(ACCESS, customer_id=901))


class TestLongDeleted:
    """A contact that was deleted and purged has no address any more; its orders and its evidence have."""

    @pytest.fixture
    def purged(self, committed, as_owner) -> Shop:
        shop = Shop.objects.create(domain="a.myshopify.com", name="A", address_secret="s" * 64)
        with shop_context(shop.pk):
            apply_orders([order(2, customer=None)])
            eve("OPT_IN")
            apply_orders([order(3)])
            apply([ContactChange(source=Source.SHOPIFY, shopify_customer_id=900, deleted=True)])
        as_owner.execute("update contact set deleted_at = now() - interval '31 days'")
        retention.apply(shop)
        with shop_context(shop.pk):
            assert not Contact.objects.exclude(email=None, phone=None).exists()
            assert Order.objects.filter(email=EMAIL).exists() and Evidence.objects.exists()
        return shop

    def asked(self, shop: Shop, kind: requests.Kind, **named: object) -> PrivacyRequest:
        with shop_context(shop.pk):
            asking = requests.Asking(kind, Named(**named))
            [request] = requests.open_all(shop.pk, [asking], origin=requests.Origin.STAFF, actor_kind="staff")
        assert work.carry_out(shop.pk, request.pk)
        with shop_context(shop.pk):
            request.refresh_from_db()
        return request

    @pytest.mark.parametrize("named", [{"email": EMAIL.upper()}, {"phone": PHONE}, {"customer_id": 900}])
    def test_what_is_left_is_handed_out(self, purged, named):
        request = self.asked(purged, ACCESS, **named)
        with shop_context(purged.pk):
            told = everything(request)
        assert request.contact_ids and "Nobody is known" not in told
        assert "192.0.2.1" in told and "#3" in told

    @pytest.mark.parametrize("named", [{"email": EMAIL.upper()}, {"phone": PHONE}])
    def test_and_is_erased(self, purged, named):
        request = self.asked(purged, REDACT, **named)
        assert request.status == "DONE"
        with shop_context(purged.pk):
            assert not Evidence.objects.exists()
            assert not Order.objects.exclude(email=None, phone=None).exists()
            assert Contact.objects.get(pk=request.contact_ids[0]).redacted_at

    def test_another_customer_is_not_meant(self, purged):
        self.asked(purged, REDACT, customer_id=5, email=EMAIL)
        with shop_context(purged.pk):
            assert Evidence.objects.exists()
            assert Order.objects.filter(shopify_customer_id=900, email=EMAIL).exists()


def test_whoever_asks_at_the_same_moment_gets_their_own_request(shop, monkeypatch):
    """Of two at once the second waits for the first: the number it remembers is then the first's own."""
    order_of_things = []
    monkeypatch.setattr(requests, "_one_at_a_time", lambda shop_id: order_of_things.append("held"))
    newest = requests._newest_id
    monkeypatch.setattr(requests, "_newest_id", lambda: order_of_things.append("looked") or newest())
    requests.open_all(shop.pk, [requests.Asking(ACCESS, Named(email=EMAIL))], origin=requests.Origin.STAFF)
    assert order_of_things == ["held", "looked"]
    assert Event.objects.filter(kind="privacy.requested").count() == 1
