"""Webhook subscriptions: made, compared with what they should be, and mended (features §8.4).

Shopify deletes a subscription after eight failures in a row and tells nobody. What is found missing is made again, and
because nothing was told of in between, the store is reconciled at once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from sayso.shops.tenancy import shop_context

from ..models import Connection, SubscriptionState
from ..reconciliation import reconcile
from ..values import mapping, mappings, moment, text
from . import about, scopes
from .client import API_VERSION, ShopifyError, payload
from .tokens import Store, open_store
from .topics import TOPICS, Topic

log = logging.getLogger(__name__)

PATH = "/webhooks/shopify"


def can_push(public_url: str, *, sandbox: bool) -> bool:
    """Whether the store can deliver to this address. Without one it is polled (:mod:`..reading.poll`)."""
    return bool(public_url) and (sandbox or public_url.startswith("https://"))


def ensure(shop_id: int, public_url: str) -> int:
    """Make the subscriptions that are missing, mend those that are wrong, and note how each stands; returns how many were
    made or mended.

    A topic the app may not read is left out, as is one that this version of the API lacks; its features stay off, and the
    Shopify page says why. One that is not the one of the last look has left a gap, whoever made it since: a reconciliation
    is queued. So it is, of everything, where the app may read what it could not. Speaks to the store: call it outside of
    any transaction. Raises what :func:`.tokens.open_store` and its calls raise.
    """
    with open_store(shop_id) as store:
        given = scopes.ask(store)
        with shop_context(shop_id):  # together, lest one that dies in between forgets what it found
            if scopes.keep(given, scopes_checked_at=timezone.now()):
                reconcile.start(shop_id, full=True)
        about.look(store)
        if not can_push(public_url, sandbox=store.sandbox):
            with shop_context(shop_id):  # what was held once says nothing any more: the store is polled
                Connection.objects.exclude(subscriptions_checked_at=None).update(subscriptions_checked_at=None)
            return 0
        uri = f"{public_url.rstrip('/')}{PATH}"
        held = _held(store)
        with shop_context(shop_id):
            before = {row.topic: row for row in SubscriptionState.objects.all()}
            was_polled = _polled().exists()
        found = [_look_after(store, topic, uri, held.get(topic.name, []), given) for topic in TOPICS]
    gaps = [one for one in found if _left_a_gap(one, before.get(one.topic.wire))]
    with shop_context(shop_id):
        _note(shop_id, found, {one.topic.wire for one in gaps})
        Connection.objects.update(subscriptions_checked_at=timezone.now())
        if gaps or was_polled:  # since the last poll nobody was told either
            reconcile.start(shop_id)
    if gaps:
        names = ", ".join(one.topic.wire for one in gaps)
        log.warning("shop %d had lost its subscriptions to %s; what they would have told is reconciled", shop_id, names)
    return sum(one.made or one.mended for one in found)


def _polled() -> QuerySet[Connection]:
    """The connection of the current shop, if its store is polled."""
    return Connection.objects.filter(polled_to__isnull=False, subscriptions_checked_at=None)


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found of the subscription to one topic, and done about it."""

    topic: Topic
    id: str = ""
    since: datetime | None = None
    made: bool = False
    mended: bool = False
    missing_scope: str = ""
    problem: str = ""


def _left_a_gap(one: _Look, row: SubscriptionState | None) -> bool:
    """Whether what we hold now is another subscription than the one we knew. That one was lost; and this one may be from a
    look that died, or lost its answer, before it could note what it had made. A topic that the app was not allowed to
    hear of lost nothing: when it is, everything is read."""
    known = row is not None and row.seen_at is not None and not row.missing_scope
    return known and bool(one.id) and row is not None and one.id != row.subscription_id


def _held(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Topic → the app's subscriptions to it."""
    held: dict[str, list[dict[str, Any]]] = {}
    after = None
    while True:
        page = mapping(store.graphql.run("webhook_list", {"after": after}).get("webhookSubscriptions"))
        for node in mappings(page.get("nodes")):
            held.setdefault(text(node.get("topic")) or "", []).append(node)
        info = mapping(page.get("pageInfo"))
        if not info.get("hasNextPage"):
            return held
        after = text(info.get("endCursor"))


def _look_after(store: Store, topic: Topic, uri: str, held: list[dict[str, Any]], given: list[str]) -> _Look:
    """One that is right is left alone. One that leads to an address we had before, or leaves something out, is mended. Those
    that lead elsewhere are somebody else's."""
    ours = [node for node in held if (text(node.get("uri")) or "").endswith(PATH)]
    right = next((node for node in ours if _is_right(node, uri)), None)
    if right is not None:
        return _Look(topic, text(right.get("id")) or "", moment(right.get("createdAt")), problem=_other_version(right))
    if not scopes.may(given, topic.scope):
        return _Look(topic, missing_scope=topic.scope or "")
    # Two of one topic and address cannot be, so the one that has the address already comes first.
    wrong = min(ours, key=lambda node: text(node.get("uri")) != uri, default=None)
    try:
        if wrong is not None:
            answer = store.graphql.run("webhook_update", {"id": wrong.get("id"), "uri": uri})
            payload(answer, "webhookSubscriptionUpdate")
            return _Look(topic, text(wrong.get("id")) or "", moment(wrong.get("createdAt")), mended=True)
        answer = store.graphql.run("webhook_create", {"topic": topic.name, "uri": uri})
        made = mapping(payload(answer, "webhookSubscriptionCreate").get("webhookSubscription"))
        return _Look(topic, text(made.get("id")) or "", timezone.now(), made=True)
    except ShopifyError as error:
        if error.temporary:
            raise
        log.warning("no subscription to %s for shop %d: %s", topic.wire, store.shop_id, error)
        return _Look(topic, problem=error.message[:500])


def _is_right(node: dict[str, Any], uri: str) -> bool:
    return (
        text(node.get("uri")) == uri
        and text(node.get("format")) == "JSON"
        and not node.get("filter")
        and not node.get("includeFields")
    )


def _other_version(node: dict[str, Any]) -> str:
    """What to say of a subscription that speaks another version than we do: it has that of the app, and no call of ours
    changes it (Shopify, *WebhookSubscription.apiVersion*)."""
    version = text(mapping(node.get("apiVersion")).get("handle"))
    if version in (None, API_VERSION):
        return ""
    return f"It speaks version {version} of Shopify's API; choose {API_VERSION} for webhooks in the app's settings."


def _note(shop_id: int, found: list[_Look], gaps: set[str]) -> None:
    now = timezone.now()
    known = {row.topic: row for row in SubscriptionState.objects.all()}
    rows = []
    for one in found:
        row = known.get(one.topic.wire) or SubscriptionState(shop_id=shop_id, topic=one.topic.wire)
        anew = one.made or one.topic.wire in gaps
        row.held_since = (one.since if anew else row.held_since or one.since) if one.id else None
        row.seen_at = now if one.id else row.seen_at
        row.subscription_id, row.missing_scope, row.problem = one.id, one.missing_scope, one.problem
        if one.mended or one.topic.wire in gaps:
            row.repaired_at, row.repairs = now, row.repairs + 1
        rows.append(row)
    fields = ["subscription_id", "held_since", "seen_at", "missing_scope", "problem", "repaired_at", "repairs"]
    SubscriptionState.objects.bulk_create([row for row in rows if row.pk is None])
    SubscriptionState.objects.bulk_update([row for row in rows if row.pk is not None], fields)
    SubscriptionState.objects.exclude(topic__in=[topic.wire for topic in TOPICS]).delete()
    with connection.cursor() as cursor:
        cursor.execute(_LAST_DELIVERIES, {"shop": shop_id})


_LAST_DELIVERIES = """
update shopify_subscription s set last_delivery_at = greatest(s.last_delivery_at, d.at)
from (
    select topic, max(received_at) as at from delivery
    where shop_id = %(shop)s and provider = 'shopify' and state in ('NEW', 'DONE', 'PARKED')
    and received_at > coalesce(
        (select min(c.subscriptions_checked_at) from shopify_connection c where c.shop_id = %(shop)s), '-infinity')
    group by topic
) d
where s.shop_id = %(shop)s and s.topic = d.topic"""
"""Only what came since the last look is read, through the index by state and time."""


@dataclass(frozen=True, slots=True)
class Row:
    """A topic as the Shopify page shows it."""

    topic: str
    held_since: datetime | None
    last_delivery_at: datetime | None
    missing_scope: str
    problem: str
    repairs: int


def table() -> list[Row]:
    """Every topic of the current shop that we subscribe to, how it stood at the last look, and its newest delivery; nothing
    while the store is polled."""
    if _polled().exists():
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """select s.topic, greatest(s.last_delivery_at, d.at) from shopify_subscription s left join (
                select topic, max(received_at) as at from delivery
                where shop_id = current_shop() and provider = 'shopify' and state in ('NEW', 'DONE', 'PARKED')
                and received_at > coalesce((select min(c.subscriptions_checked_at) from shopify_connection c), now())
                group by topic) d on d.topic = s.topic"""
        )
        delivered = dict(cursor.fetchall())
    rows = {row.topic: row for row in SubscriptionState.objects.all()}
    found = []
    for topic in TOPICS:
        row = rows.get(topic.wire)
        if row is not None:
            found.append(
                Row(topic.wire, row.held_since, delivered.get(topic.wire), row.missing_scope, row.problem, row.repairs)
            )
    return found
