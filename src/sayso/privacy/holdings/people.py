"""Who the person is: the contact and the names they go by."""

from __future__ import annotations

from collections.abc import Iterator

from sayso.shops.personal import Holding, Row, Subject

from ..rows import call, ids, stream


def _profile(subject: Subject) -> Iterator[Row]:
    return stream(
        """select id, shopify_customer_id, external_customer_id, contact_key, first_name, last_name, email, phone,
            phone_raw as phone_as_given, note, tags, labels, locale, language, time_zone, country, region, city, address,
            postcode, excluded as excluded_from_messaging, orders_count, total_spent, last_order_at,
            last_message_received_at, last_engaged_at, source, shopify_state, shopify_created_at, created_at, updated_at,
            deleted_at, redacted_at
        from contact where id = any(%s) order by id""",
        ids(subject.contact_ids),
    )


def _identities(subject: Subject) -> Iterator[Row]:
    return stream(
        "select contact_id, kind, value, former, first_seen_at from identity where contact_id = any(%s) order by id",
        ids(subject.contact_ids),
    )


def _address_statuses(subject: Subject) -> Iterator[Row]:
    return stream(
        "select contact_id, channel, status, reason, since, until from address_status where contact_id = any(%s)"
        " order by contact_id, channel",
        ids(subject.contact_ids),
    )


def _scrub(subject: Subject) -> int:
    return call("privacy_scrub_contacts", subject.request_id, ids(subject.contact_ids))


ALL = (
    Holding("profile", "Profile", ("contact",), _profile, _scrub),
    Holding("identities", "Names and former addresses", ("identity",), _identities, None),
    Holding("address_status", "Addresses that did not work", ("address_status",), _address_statuses, None),
)
