"""Subscriptions: how each stands is known, what is wrong is mended, and a gap is reconciled."""

from __future__ import annotations

import pytest

from sayso.config.environment import repository
from sayso.sandbox import known
from sayso.shopify import health
from sayso.shopify.connection import scopes, subscriptions
from sayso.shopify.connection.client import GraphQL, ShopifyError
from sayso.shopify.connection.topics import TOPICS
from sayso.shopify.models import Connection, SubscriptionState, SyncRun, SyncStep
from sayso.shopify.reading import poll
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

HERE = "http://127.0.0.1:9"
HOOK = f"{HERE}/webhooks/shopify"
OTHER = "http://127.0.0.1:10/elsewhere"


def held(box):
    answer = box.graphql("{ webhookSubscriptions(first: 100) { nodes { id topic uri } } }")
    assert "data" in answer, answer
    nodes = answer["data"]
    return {node["topic"]: node for node in nodes["webhookSubscriptions"]["nodes"]}


def remove(box, topic):
    box.graphql(
        "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) { userErrors { message } } }",
        {"id": held(box)[topic]["id"]},
    )


@pytest.fixture
def scoped(listening):
    """Takes scopes away for one test."""
    everything = listening.get("shops")[0]["scopes"]
    yield lambda *gone: listening.post(
        f"shops/{known.DOMAIN}", scopes=[name for name in everything if name not in gone]
    )
    listening.post(f"shops/{known.DOMAIN}", scopes=everything)


def test_every_topic_is_held_and_known(listening, connected):
    assert set(held(listening)) == {topic.name for topic in TOPICS}
    with shop_context(connected.pk):
        rows = subscriptions.table()
        assert [row.topic for row in rows] == [topic.wire for topic in TOPICS]
        assert all(row.held_since and not row.problem and not row.missing_scope for row in rows)
        assert not SyncRun.objects.filter(kind="reconcile").exists()


def test_one_that_was_dropped_is_made_again_and_the_gap_reconciled(listening, connected):
    with shop_context(connected.pk):
        seen = SubscriptionState.objects.get(topic="orders/create").seen_at
    remove(listening, "ORDERS_CREATE")
    assert subscriptions.ensure(connected.pk, HERE) == 1
    assert "ORDERS_CREATE" in held(listening)
    with shop_context(connected.pk):
        row = SubscriptionState.objects.get(topic="orders/create")
        assert row.repairs == 1
        assert row.held_since > seen
        assert SyncRun.objects.filter(kind="reconcile", status="NOT_STARTED").count() == 1
    assert subscriptions.ensure(connected.pk, HERE) == 0
    with shop_context(connected.pk):
        assert SyncRun.objects.filter(kind="reconcile").count() == 1


def test_one_that_leads_to_an_address_we_had_before_is_led_here(listening, connected):
    before = {topic: node["id"] for topic, node in held(listening).items()}
    assert subscriptions.ensure(connected.pk, "http://127.0.0.1:11") == len(TOPICS)
    after = held(listening)
    assert {topic: node["id"] for topic, node in after.items()} == before
    assert {node["uri"] for node in after.values()} == {"http://127.0.0.1:11/webhooks/shopify"}
    with shop_context(connected.pk):
        assert not SyncRun.objects.filter(kind="reconcile").exists(), "nothing was lost: the old address was ours"


def test_one_that_leaves_out_parts_is_mended_and_others_are_let_be(listening, connected):
    remove(listening, "ORDERS_CREATE")
    listening.subscribe("ORDERS_CREATE", OTHER)
    listening.graphql(
        "mutation($s: WebhookSubscriptionInput!) { webhookSubscriptionCreate(topic: ORDERS_CREATE, webhookSubscription: $s)"
        " { userErrors { message } } }",
        {"s": {"uri": HOOK, "includeFields": ["id"]}},
    )
    assert subscriptions.ensure(connected.pk, HERE) == 1
    nodes = listening.graphql("{ webhookSubscriptions(first: 100) { nodes { topic uri includeFields } } }")["data"]
    orders = [node for node in nodes["webhookSubscriptions"]["nodes"] if node["topic"] == "ORDERS_CREATE"]
    assert sorted((node["uri"], tuple(node["includeFields"])) for node in orders) == [(OTHER, ()), (HOOK, ())]


def test_a_missing_scope_is_named_and_its_topics_are_left_out(listening, connected, scoped):
    scoped("read_orders", "read_all_orders")
    for topic in TOPICS:
        if topic.scope == "read_orders":
            remove(listening, topic.name)
    assert subscriptions.ensure(connected.pk, HERE) == 0
    with shop_context(connected.pk):
        lacking = {row.topic for row in subscriptions.table() if row.missing_scope == "read_orders"}
        assert lacking == {topic.wire for topic in TOPICS if topic.scope == "read_orders"}
        (row,) = Connection.objects.all()
        assert [scope.name for scope in scopes.missing(row.scopes)] == ["read_orders", "read_all_orders"]
    scoped()
    assert subscriptions.ensure(connected.pk, HERE) == len(lacking)


def test_who_may_write_may_read():
    assert scopes.may(["write_customers"], "read_customers")
    assert not scopes.may(["write_customers"], "read_orders")
    assert scopes.may([], "read_orders"), "not knowing, we try"
    assert scopes.missing([]) == []


def test_the_owner_changes_what_the_app_may_do(listening, connected, drain, scoped):
    listening.action("change_scopes", scopes=["read_customers", "write_customers"])
    drain(listening.deliveries())
    with shop_context(connected.pk):
        assert Connection.objects.get().scopes == ["read_customers", "write_customers"]


def test_the_newest_delivery_of_a_topic_is_known(listening, connected, drain):
    listening.action("create_customer", first="Anna", email="anna.subscribed@example.org")
    drain(listening.deliveries())
    with shop_context(connected.pk):
        rows = {row.topic: row.last_delivery_at for row in subscriptions.table()}
    assert rows["customers/create"] is not None
    assert rows["orders/create"] is None
    subscriptions.ensure(connected.pk, HERE)
    with shop_context(connected.pk):
        assert {row.topic: row.last_delivery_at for row in subscriptions.table()} == rows


def test_the_documentation_explains_every_scope():
    told = (repository() / "docs" / "shopify.md").read_text()
    for scope in scopes.ALL:
        assert f"| `{scope.name}` | {scope.purpose} | {scope.without} |" in told


def gaps(shop):
    with shop_context(shop.pk):
        return SyncRun.objects.filter(kind="reconcile").count()


@pytest.mark.parametrize(
    "lost", [ShopifyError("ANSWER_LOST", "on its way"), KeyboardInterrupt()], ids=["answer", "process"]
)
def test_a_gap_is_not_forgotten_with_the_look_that_mended_it(listening, connected, monkeypatch, lost):
    """The store made it again; we did not hear of it, or died before it was noted."""
    remove(listening, "ORDERS_CREATE")
    run = GraphQL.run

    def losing(self, document, variables=None):
        answer = run(self, document, variables)
        if document == "webhook_create":
            raise lost
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(GraphQL, "run", losing)
        with pytest.raises(type(lost)):
            subscriptions.ensure(connected.pk, HERE)
    assert "ORDERS_CREATE" in held(listening)
    assert gaps(connected) == 0
    subscriptions.ensure(connected.pk, HERE)
    assert gaps(connected) == 1
    subscriptions.ensure(connected.pk, HERE)
    assert gaps(connected) == 1


def test_a_gap_is_not_forgotten_while_the_store_refuses_to_make_it_again(listening, connected, monkeypatch):
    remove(listening, "ORDERS_CREATE")
    run = GraphQL.run

    def refusing(self, document, variables=None):
        if document == "webhook_create":
            return {"webhookSubscriptionCreate": {"userErrors": [{"message": "not now"}]}}
        return run(self, document, variables)

    with monkeypatch.context() as patch:
        patch.setattr(GraphQL, "run", refusing)
        subscriptions.ensure(connected.pk, HERE)
    with shop_context(connected.pk):
        assert SubscriptionState.objects.get(topic="orders/create").problem == "not now"
    subscriptions.ensure(connected.pk, HERE)
    assert gaps(connected) == 1


@pytest.mark.parametrize("public_url", [HERE, ""], ids=["delivering", "polled"])
def test_what_the_hourly_look_finds_allowed_is_read(listening, connected, scoped, public_url):
    """Nobody told: the delivery was lost, or the store cannot deliver to us."""
    scoped("read_orders", "read_all_orders")
    subscriptions.ensure(connected.pk, public_url)
    assert gaps(connected) == 0
    scoped()
    subscriptions.ensure(connected.pk, public_url)
    with shop_context(connected.pk):
        [run] = SyncRun.objects.filter(kind="reconcile")
        assert "full" in SyncStep.objects.filter(run_id=run.pk).values_list("scope", flat=True)
    subscriptions.ensure(connected.pk, public_url)
    assert gaps(connected) == 1


def test_the_delivery_that_tells_is_not_doubled_by_the_look(listening, connected, drain, scoped):
    scoped("read_orders", "read_all_orders")
    subscriptions.ensure(connected.pk, HERE)
    everything = [*listening.get("shops")[0]["scopes"], "read_orders", "read_all_orders"]
    listening.clear()
    listening.action("change_scopes", scopes=everything)
    drain(listening.deliveries())
    subscriptions.ensure(connected.pk, HERE)
    assert gaps(connected) == 0, "the delivery has queued a task that reads it"


@pytest.mark.parametrize("public_url", [HERE, ""], ids=["delivering", "polled"])
def test_zone_currency_and_country_are_looked_at(listening, connected, public_url):
    """Deliveries of shop/update may be lost, come in another order, or not at all."""
    listening.action("update_shop", zone="Europe/Berlin", currency="EUR", country="DE", name="Laden")
    try:
        subscriptions.ensure(connected.pk, public_url)
        shop = Shop.objects.get(pk=connected.pk)
        assert (shop.time_zone, shop.currency, shop.country, shop.name) == ("Europe/Berlin", "EUR", "DE", "Laden")
    finally:
        listening.action("update_shop", zone="America/New_York", currency="USD", country="US", name=connected.name)


def test_a_time_zone_nobody_here_knows_is_not_taken_over(listening, connected, drain):
    """Days are counted in it by the database, which would refuse, and count no more."""
    listening.clear()
    listening.action("update_shop", zone="Mars/Olympus_Mons", name="Far")
    try:
        drain(listening.deliveries())
        shop = Shop.objects.get(pk=connected.pk)
        assert (shop.name, shop.time_zone) == ("Far", connected.time_zone)
    finally:
        listening.action("update_shop", zone="America/New_York", name=connected.name)


def test_the_version_of_an_app_is_told_of_and_not_mended_every_hour(listening, connected, monkeypatch):
    """A subscription speaks the version of the app that made it: no call of ours changes that."""
    run = GraphQL.run

    def older(self, document, variables=None):
        answer = run(self, document, variables)
        for node in answer.get("webhookSubscriptions", {}).get("nodes", []):
            node["apiVersion"] = {"handle": "2026-07"}
        return answer

    monkeypatch.setattr(GraphQL, "run", older)
    assert subscriptions.ensure(connected.pk, HERE) == 0
    with shop_context(connected.pk):
        rows = subscriptions.table()
        assert all(row.held_since and row.repairs == 0 and "version 2026-07" in row.problem for row in rows)
        assert "MISSING" not in {trouble.code for trouble in health.troubles(connected.pk)}


def test_a_store_that_is_polled_now_and_delivers_again_later(listening, connected):
    subscriptions.ensure(connected.pk, "")
    poll.poll(connected.pk)
    with shop_context(connected.pk):
        assert subscriptions.table() == []
        assert not {"UNCHECKED", "MISSING"} & {trouble.code for trouble in health.troubles(connected.pk)}
    subscriptions.ensure(connected.pk, "")
    assert gaps(connected) == 0
    subscriptions.ensure(connected.pk, HERE)
    assert gaps(connected) == 1, "between the last poll and the first delivery nobody was told"
    subscriptions.ensure(connected.pk, HERE)
    assert gaps(connected) == 1
    with shop_context(connected.pk):
        assert len(subscriptions.table()) == len(TOPICS)
