"""What passed between the person and the shop: messages, orders, events, and deliveries as they came."""

from __future__ import annotations

from collections.abc import Iterator

from sayso.intake import subjects
from sayso.shops.personal import Holding, Row, Subject
from sayso.shops.tenancy import current_shop_id

from ..rows import call, ids, stream


def _messages(subject: Subject) -> Iterator[Row]:
    return stream(
        """select id, contact_id, channel, direction, origin, origin_id, purpose, address, body, parameters, status,
            queued_at, sent_at, delivered_at, read_at, failed_at, error_code, provider_id
        from message where contact_id = any(%s) order by id""",
        ids(subject.contact_ids),
    )


def _scrub_messages(subject: Subject) -> int:
    return call("privacy_scrub_messages", subject.request_id, ids(subject.contact_ids))


def _skips(subject: Subject) -> Iterator[Row]:
    return stream(
        "select contact_id, origin, origin_id, code, detail, at from message_skip where contact_id = any(%s) order by id",
        ids(subject.contact_ids),
    )


def _possible_opt_outs(subject: Subject) -> Iterator[Row]:
    return stream(
        "select contact_id, message_id, word, created_at, decision, decided_at from possible_opt_out"
        " where contact_id = any(%s) order by id",
        ids(subject.contact_ids),
    )


def _orders(subject: Subject) -> Iterator[Row]:
    return stream(
        """select o.id, o.contact_id, o.shopify_order_id, o.name, o.email, o.phone, o.status, o.financial_status,
            o.fulfillment_status, money_text(o.total) as total, o.currency, o.test, o.source_name, o.tags, o.placed_at,
            o.cancelled_at, o.cancel_reason, (select jsonb_agg(jsonb_build_object('title', l.title, 'variant', l.variant_title,
                'sku', l.sku, 'quantity', l.quantity, 'price', money_text(l.price)) order by l.position)
                from order_line l where l.shop_id = o.shop_id and l.order_id = o.id) as lines,
            (select jsonb_agg(jsonb_build_object('shipped_at', f.shipped_at, 'status', f.status, 'company',
                f.tracking_company, 'numbers', f.tracking_numbers, 'urls', f.tracking_urls) order by f.shipped_at, f.id)
                from fulfillment f where f.shop_id = o.shop_id and f.order_id = o.id) as parcels
        from orders o where o.contact_id = any(%s) or o.shopify_customer_id = any(%s) or o.shopify_order_id = any(%s)
        order by o.id""",
        ids(subject.contact_ids),
        ids(subject.customer_ids),
        ids(subject.stray_order_ids),
    )


def _scrub_orders(subject: Subject) -> int:
    if subject.request_id is None:
        return call("privacy_unlink_orders", ids(subject.contact_ids))
    whom = (subject.request_id, ids(subject.contact_ids), ids(subject.customer_ids))
    if subject.order_ids is not None:
        return call("privacy_scrub_orders", *whom, ids(subject.order_ids))
    return call("privacy_scrub_orders", *whom, None) + call("privacy_scrub_orders", *whom, ids(subject.stray_order_ids))


def _events(subject: Subject) -> Iterator[Row]:
    return stream(
        "select id, contact_id, kind, occurred_at, recorded_at, actor_kind, origin, data from event"
        " where contact_id = any(%s) order by id",
        ids(subject.contact_ids),
    )


def _scrub_events(subject: Subject) -> int:
    return call("privacy_scrub_events", subject.request_id, ids(subject.contact_ids))


def _deliveries(subject: Subject) -> Iterator[Row]:
    shop_id = current_shop_id()
    subjects.fill(shop_id)
    for row in stream(
        "select id, provider, topic, received_at, state, body from delivery"
        " where shop_id = %s and subject_keys && %s::varchar[] order by id",
        shop_id,
        list(subject.subject_keys),
    ):
        yield row | {"body": bytes(row["body"]).decode("utf-8", "replace")}


def _scrub_deliveries(subject: Subject) -> int:
    if subject.request_id is None:
        return 0
    subjects.fill(current_shop_id())
    return call("privacy_scrub_deliveries", subject.request_id, list(subject.subject_keys))


def _requests(subject: Subject) -> Iterator[Row]:
    return stream(
        "select id, kind, origin, status, received_at, due_at, done_at from privacy_request"
        " where contact_ids && %s::bigint[] order by id",
        ids(subject.contact_ids),
    )


ALL = (
    Holding(
        "messages", "Messages", ("message",), _messages, _scrub_messages,
        why_kept="That a message was sent, when, and what became of it; without text, parameters and address.",
    ),
    Holding(
        "messages_not_sent", "Messages that were not sent, and why", ("message_skip",), _skips, None,
        why_kept="A reason beside the number of a contact without a name.",
    ),
    Holding(
        "possible_opt_outs", "Messages that may have asked to stop", ("possible_opt_out",), _possible_opt_outs, None,
        why_kept="That somebody looked at it and decided; without the word, which goes with the messages.",
    ),
    Holding(
        "orders", "Orders", ("orders", "order_line", "fulfillment"), _orders, _scrub_orders,
        why_kept="Totals, dates, lines and that parcels left, without the person: the shop's books.",
    ),
    Holding(
        "events", "What happened, in order of time", ("event",), _events, _scrub_events,
        why_kept="That something happened and when, without what it said.",
    ),
    Holding(
        "deliveries", "Deliveries of Shopify and WhatsApp, as they came", ("delivery",), _deliveries,
        _scrub_deliveries, why_kept="The provider's id of the delivery, so that a repetition is known; 30 days.",
    ),
    Holding(
        "privacy_requests", "Earlier privacy requests", ("privacy_request",), _requests, None,
        why_kept="That it was asked and answered in time (GDPR Art. 5(2)); whom it named is gone when it is done.",
    ),
)  # fmt: skip
