"""Settings → Shopify, and connecting a store."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from sayso.shopify import views
from sayso.shopify.connection import scopes
from sayso.shopify.connection.connect import ConnectError
from sayso.shopify.forms import ConnectForm
from sayso.shopify.models import Connection, SubscriptionState, SyncDrift, SyncRun, SyncStep
from sayso.shopify.queries import Progress, freshness
from sayso.shops.models import Membership, ProviderApp, Shop, User

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
GIVEN = {"domain": "https://Example.myshopify.com/admin", "client_id": "id", "client_secret": "secret"}


@pytest.fixture
def platform_owner(db: None) -> Client:
    client = Client()
    user = User.objects.create_user("platform@example.com", "a long password", is_platform_owner=True)
    client.force_login(user, backend=BACKEND)
    return client


@pytest.mark.parametrize(
    ("typed", "domain"),
    [
        ("example", "example.myshopify.com"),
        (" Example.MyShopify.com ", "example.myshopify.com"),
        ("https://example.myshopify.com/admin/settings", "example.myshopify.com"),
        ("example.com", None),
        ("evil.com/x.myshopify.com", None),
        ("-.myshopify.com", None),
    ],
)
def test_what_is_pasted_becomes_a_domain(typed: str, domain: str | None) -> None:
    form = ConnectForm(GIVEN | {"domain": typed})
    assert form.is_valid() is (domain is not None)
    assert form.cleaned_data.get("domain") == domain


def test_connecting_starts_the_import(
    platform_owner: Client, make_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, started = [], []

    def connect(**given: str) -> Shop:
        asked.append(given)
        return make_shop(given["domain"])

    monkeypatch.setattr(views, "connect_store", connect)
    monkeypatch.setattr(views.imports, "start", started.append)
    monkeypatch.setattr(views.subscriptions, "ensure", lambda *_: 0)
    answer = platform_owner.post("/connect", GIVEN)
    shop = Shop.objects.get()
    assert answer.headers["Location"] == "/settings/shopify"
    assert asked == [{"domain": "example.myshopify.com", "client_id": "id", "client_secret": "secret"}]
    assert started == [shop.pk]
    assert platform_owner.session["shop_id"] == shop.pk


def test_a_store_that_refuses_is_quoted_and_the_secret_not_shown_again(
    platform_owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(**_: str) -> Shop:
        raise ConnectError("The app is not installed in this store; install it there first.")

    monkeypatch.setattr(views, "connect_store", connect)
    page = platform_owner.post("/connect", GIVEN).content.decode()
    assert "install it there first" in page
    assert 'value="secret"' not in page


def test_who_may_not_connect_sees_whom_to_ask(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "connect_store", lambda **_: pytest.fail("connected"))
    client.force_login(User.objects.create_user("nobody@example.com", "a long password"), backend=BACKEND)
    page = client.post("/connect", GIVEN).content.decode()
    assert "Ask an owner" in page
    assert "client_secret" not in page


def test_a_running_import_shows_how_far_it_is(owner_client: Client, shop: Shop) -> None:
    run = SyncRun.objects.create(shop_id=shop.pk, kind="customers", status="IN_PROGRESS", total=1000, seen=250)
    page = owner_client.get("/settings/shopify").content.decode()
    assert '<progress max="1000" value="250"' in page
    assert "250 of 1,000" in page
    progress = Progress(run)
    run.heartbeat_at = run.started_at.replace(year=run.started_at.year + 1)
    assert progress.seconds_left > 0


def test_an_empty_shop_is_neither_late_nor_fresh(shop: Shop) -> None:
    state = freshness(shop.pk)
    assert (state.received_at, state.lag, state.waiting, state.parked, state.late) == (None, None, 0, 0, False)


def test_a_missing_permission_is_named_with_what_is_off(owner_client: Client, shop: Shop) -> None:
    connected(shop, scopes=["write_customers"])
    page = owner_client.get("/settings/shopify").content.decode()
    assert "The app lacks <code>read_orders</code>. No order, guest or checkout comes in" in page
    assert "The app lacks <code>read_customers</code>" not in page, "who may write may read"
    Connection.objects.update(scopes=list(scopes.NAMES))
    assert "The app lacks" not in owner_client.get("/settings/shopify").content.decode()


def test_topics_that_are_not_held_stand_out(owner_client: Client, shop: Shop) -> None:
    connected(shop)
    SubscriptionState.objects.create(shop_id=shop.pk, topic="orders/create", missing_scope="read_orders")
    page = owner_client.get("/settings/shopify").content.decode()
    assert "1 not subscribed to" in page
    assert "lacks <code>read_orders</code>" in page


def test_comparing_is_queued_once_and_its_report_shown(owner_client: Client, shop: Shop) -> None:
    connected(shop)
    for _ in range(2):
        assert owner_client.post("/settings/shopify/reconcile").headers["Location"] == "/settings/shopify"
    run = SyncRun.objects.get(kind="reconcile")
    assert set(SyncStep.objects.filter(run_id=run.pk).values_list("scope", flat=True)) == {"window", "count"}
    owner_client.post("/settings/shopify/reconcile", {"full": "1"})
    assert SyncRun.objects.filter(kind="reconcile").count() == 2
    SyncDrift.objects.create(
        shop_id=shop.pk, run_id=run.pk, kind="customers", what="STALE", shopify_id=2**60, field="email",
        held="a…@e…com", told="b…@e…com", topic="customers/update", mended=False,
    )  # fmt: skip
    page = owner_client.get(f"/settings/shopify/reconciliations/{run.pk}").content.decode()
    for told in (str(2**60), "b…@e…com", "<code>customers/update</code>", "Not mended", "Out of date"):
        assert told in page
    assert owner_client.get("/settings/shopify/reconciliations/999999").status_code == 404
    assert owner_client.get(f"/settings/shopify/reconciliations/{run.pk}?after={'9' * 30}").status_code == 200


def test_who_may_only_look_cannot_compare(client: Client, shop: Shop) -> None:
    user = User.objects.create_user("viewer@example.com", "a long password")
    Membership.objects.create(user=user, shop=shop, role="viewer")
    client.force_login(user, backend=BACKEND)
    assert client.post("/settings/shopify/reconcile").status_code == 403


def test_connecting_again_asks_for_the_secret_alone(owner_client: Client, shop: Shop) -> None:
    connected(shop)
    page = owner_client.get("/connect?again=1").content.decode()
    assert f'value="{shop.domain}"' in page
    assert 'value="the-app"' in page
    assert "accepted for 5 more hours" in page
    assert "the-secret" not in page


def test_connecting_again_goes_where_the_connection_leads_and_keeps_what_was_chosen(
    owner_client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(shop)
    Shop.objects.filter(pk=shop.pk).update(is_sandbox=True)
    asked: list[dict[str, object]] = []

    def connect(**given: object) -> Shop:
        asked.append(given)
        return shop

    monkeypatch.setattr(views, "connect_store", connect)
    monkeypatch.setattr(views.imports, "start", lambda _: None)
    monkeypatch.setattr(views.subscriptions, "ensure", lambda *_: 0)
    chosen: list[object] = []
    monkeypatch.setattr(views.options, "choose", lambda *_, **values: chosen.append(values))
    assert 'name="sync_contacts"' not in owner_client.get("/connect?again=1").content.decode()
    form = GIVEN | {"domain": shop.domain}
    for path in ("/connect?again=1", "/connect"):
        SyncRun.objects.get_or_create(shop_id=shop.pk, kind="customers")
        assert owner_client.post(path, form).status_code == 302
        assert asked.pop() == form | {"base_url": "https://x.example", "sandbox": True}
    page = owner_client.get("/settings/shopify").content.decode()
    assert not chosen and "keeps its choices" in page
    owner_client.post("/connect", GIVEN)
    assert "base_url" not in asked.pop(), "another store is looked for at Shopify"


def test_a_finding_and_a_dry_run_are_called_what_they_are(owner_client: Client, shop: Shop) -> None:
    connected(shop)
    SyncRun.objects.create(shop_id=shop.pk, kind="customers", trigger="dry_run", status="COMPLETE")
    assert "Dry run: Customers" in owner_client.get("/settings/shopify").content.decode()
    owner_client.post("/settings/shopify/reconcile")
    run = SyncRun.objects.get(kind="reconcile")
    SyncDrift.objects.create(
        shop_id=shop.pk, run_id=run.pk, kind="products", what="STALE", shopify_id=77, field="title"
    )
    SyncDrift.objects.create(
        shop_id=shop.pk, run_id=run.pk, kind="orders", what="STALE", shopify_id=78, field="status",
        held="INITIALIZED", told="CANCELLED",
    )  # fmt: skip
    SyncDrift.objects.create(
        shop_id=shop.pk, run_id=run.pk, kind="orders", what="STALE", shopify_id=78, field="cancelled_at",
        told="2026-11-23 01:33:16+00:00",
    )  # fmt: skip
    SyncDrift.objects.create(
        shop_id=shop.pk, run_id=run.pk, kind="customers", what="CONSENT", shopify_id=79, field="sms_consent",
        told="NOT_SUBSCRIBED 2026-11-23 01:33:16 UTC",
    )  # fmt: skip
    page = owner_client.get(f"/settings/shopify/reconciliations/{run.pk}").content.decode()
    assert re.search(r"Not subscribed 2\d Nov 2026, \d\d:33:16", page)
    assert "INITIALIZED" not in page and "Placed" in page and "2026-11-23 01:33:16" not in page
    assert "Product 77" in page and "Customer 77" not in page


def connected(shop: Shop, **fields: object) -> None:
    app = ProviderApp.objects.create(provider="shopify", client_id="the-app", secret="the-secret")
    Connection.objects.create(
        shop_id=shop.pk, provider_app_id=app.pk, domain=shop.domain, base_url="https://x.example", **fields
    )
