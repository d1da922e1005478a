"""The door through which every change of a contact passes.

A batch is staged by COPY and applied by ``sql/20_apply.sql`` in a handful of statements, in the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

from django.db import connection

from sayso.shops import staging
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from . import addresses
from .changes import ContactChange, Profile, Source
from .phones import Phone, PhoneStatus, fold, normalise

PROFILE_FIELDS = tuple(field.name for field in fields(Profile))
"""Their order is the order of the bits in ``staging.contact.fields``."""
ALL_FIELDS = (1 << len(PROFILE_FIELDS)) - 1

COLUMNS = (
    "run", "seq", "contact_id", "shopify_customer_id", "external_customer_id", "matching", "source", "at", "sequence",
    "fields", "first_name", "last_name", "email", "email_key", "phone", "phone_raw", "phone_key", "calling_code", "note",
    "locale", "country", "region", "city", "address", "postcode", "tags", "tag_changes", "orders_count", "total_spent",
    "last_order_at", "excluded", "shopify_state", "shopify_created_at", "deleted", "wa_id", "bsuid",
    "message_received_at",
)  # fmt: skip

MATCHING = {
    Source.SHOPIFY: "unlinked",
    Source.GUEST: "any_email",
    Source.INBOUND: "any",
    Source.API: "any_email",
    Source.IMPORT: "any_email",
    Source.ORDER: "any_email",
    Source.STAFF: "any_email",
    Source.FORM: "any",
}
"""How a contact that no id names is found, by origin (features §2.3)."""

LIVE_LIMIT = 50  # contacts named one by one to open pages; more than these are "many"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes the change; stands in the event log."""

    kind: str = "system"  # customer, staff, system, shop, provider
    id: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one change."""

    contact_id: int
    created: bool
    updated: bool
    moved: bool  # phone or e-mail is another one now
    phone_status: PhoneStatus | None  # None: the change said nothing about a phone


Follower = Callable[[Sequence[Applied]], None]
followers: list[Follower] = []
"""Called, in the same transaction, with what was created or moved. Rooms below add themselves when Django starts."""


def apply(
    changes: Iterable[ContactChange], *, actor: Actor | None = None, bulk: bool = False, follow: bool = True
) -> list[Applied]:
    """Apply changes of the current shop's contacts; answers one :class:`Applied` a change, in the same order.

    Needs a transaction with a shop (:func:`sayso.shops.tenancy.shop_context`). An older fact never overwrites a newer
    one, whatever the order of arrival. ``bulk`` marks an import: its events start no automation. ``follow=False`` is for
    callers that record consent for every contact of the batch themselves, in the same transaction.
    """
    changes = list(changes)
    shop = current_shop()
    applied: list[Applied | None] = [None] * len(changes)
    for wave in _waves(changes, shop):
        for (position, _), result in zip(wave, _apply_once(wave, shop, actor or Actor(), bulk), strict=True):
            applied[position] = result
    results = [result for result in applied if result is not None]
    if follow:
        concerned = [result for result in results if result.created or result.moved]
        for follower in followers if concerned else ():
            follower(concerned)
    _tell_open_pages(shop.id, results)
    return results


def phone_statuses(changes: Iterable[ContactChange]) -> list[PhoneStatus | None]:
    """What the door makes of the phone number of each change in the current shop; None where none is said."""
    shop = current_shop()
    return [
        _read_phone(change.profile, shop).status if change.profile and change.profile.phone else None
        for change in changes
    ]


class _Shop:
    """What normalising needs to know of the shop."""

    def __init__(self, id: int, country: str) -> None:
        self.id, self.country, self.secret = id, country, addresses.shop_secret(id)


def current_shop() -> _Shop:
    """The shop of the running transaction."""
    shop_id = current_shop_id()
    return _Shop(shop_id, Shop.objects.values_list("country", flat=True).get(pk=shop_id))


Wave = list[tuple[int, ContactChange]]


def _waves(changes: list[ContactChange], shop: _Shop) -> list[Wave]:
    """Split a batch so that no wave names a contact twice: one statement cannot touch a row twice."""
    if all(change.shopify_customer_id is not None for change in changes):
        distinct = {change.shopify_customer_id for change in changes}
        if len(distinct) == len(changes):
            return [list(enumerate(changes))] if changes else []
    waves: list[Wave] = []
    last: dict[tuple[str, object], int] = {}
    for position, change in enumerate(changes):
        keys = _names(change, shop)
        number = max((last[key] + 1 for key in keys if key in last), default=0)
        for key in keys:
            last[key] = number
        if number == len(waves):
            waves.append([])
        waves[number].append((position, change))
    return waves


def _names(change: ContactChange, shop: _Shop) -> list[tuple[str, object]]:
    """Everything two changes could have in common if they meant one contact."""
    named = [
        ("id", change.contact_id),
        ("shopify", change.shopify_customer_id),
        ("external", change.external_customer_id),
        ("wa_id", change.wa_id),
        ("bsuid", change.bsuid),
    ]
    if change.profile:
        if change.profile.email:
            named.append(("email", addresses.normal_email(change.profile.email)))
        if change.profile.phone:
            named.append(("phone", _read_phone(change.profile, shop).e164))
    return [(kind, value) for kind, value in named if value is not None]


def _read_phone(profile: Profile, shop: _Shop) -> Phone:
    """Forms that a numbering plan gave up (Mexico's 1 after the country code) are still how WhatsApp names people."""
    raw = profile.phone or ""
    phone = normalise(raw, profile.country or shop.country)
    return normalise(fold(raw)) if phone.status is PhoneStatus.IMPOSSIBLE and raw.startswith("+") else phone


def _apply_once(wave: Wave, shop: _Shop, actor: Actor, bulk: bool) -> list[Applied]:
    run = staging.new_run()
    statuses: list[PhoneStatus | None] = []
    lines = []
    for seq, (_, change) in enumerate(wave):
        line, status = staged_line(run, seq, change, shop)
        lines.append(line)
        statuses.append(status)
    staging.copy_in("contact", COLUMNS, lines)
    with connection.cursor() as cursor:
        cursor.execute("select contacts_apply(%s, %s, %s, %s)", [run, bulk, actor.kind, actor.id])
        cursor.execute(
            "select contact_id, created, updated, moved from staging.applied where run = %s order by seq", [run]
        )
        rows = cursor.fetchall()
    staging.drop_run(run, "contact", "applied")
    return [
        Applied(contact_id, created, updated, moved, status)
        for (contact_id, created, updated, moved), status in zip(rows, statuses, strict=True)
    ]


def staged_line(run: int, seq: int, change: ContactChange, shop: _Shop) -> tuple[str, PhoneStatus | None]:
    """One staged row. Written flat: it runs once for every imported contact."""
    text, number, moment = staging.text, staging.number, staging.moment
    profile = change.profile
    status: PhoneStatus | None = None
    if profile is None:
        mask = 0
        profile_part = "\\N\t" * 14 + "\\N"
    else:
        mask = ALL_FIELDS if change.fields is None else _mask(change.fields)
        country = profile.country
        email = profile.email and profile.email.strip()
        key: bytes | None = None
        phone: Phone | None = None
        if profile.phone:  # also one that is only there to find the contact by
            phone = _read_phone(profile, shop)
            status = phone.status if mask & 8 else None
            country = country or phone.region
            key = addresses.phone_key(shop.secret, phone.e164) if phone.e164 else None
        profile_part = "\t".join(
            (
                text(profile.first_name), text(profile.last_name), text(email or None),
                staging.binary(addresses.email_key(shop.secret, email) if email else None),
                text(phone.e164 if phone else None), text(profile.phone), staging.binary(key),
                number(phone.calling_code if phone else None), text(profile.note), text(profile.locale), text(country),
                text(profile.region), text(profile.city), text(profile.address), text(profile.postcode),
            )
        )  # fmt: skip
    figures = change.figures
    figures_part = (
        f"{figures.orders_count}\t{figures.total_spent}\t{moment(figures.last_order_at)}"
        if figures
        else "\\N\t\\N\t\\N"
    )
    tag_changes = (
        text(
            json.dumps(
                {
                    tag: {"at": int(tagged.at.timestamp() * 1_000_000), "on": tagged.added}
                    for tagged in change.tag_changes
                    for tag in tagged.tags
                }
            )
        )
        if change.tag_changes
        else "\\N"
    )
    line = (
        f"{run}\t{seq}\t{number(change.contact_id)}\t{number(change.shopify_customer_id)}\t"
        f"{text(change.external_customer_id)}\t{MATCHING[change.source]}\t{change.source.value}\t{moment(change.at)}\t"
        f"{change.sequence}\t{mask}\t{profile_part}\t{staging.array(change.tags)}\t{tag_changes}\t{figures_part}\t"
        f"{staging.flag(change.excluded)}\t{text(change.shopify_state)}\t{moment(change.shopify_created_at)}\t"
        f"{'t' if change.deleted else 'f'}\t{text(change.wa_id)}\t{text(change.bsuid)}\t"
        f"{moment(change.message_received_at)}"
    )
    return line, status


def _mask(names: frozenset[str]) -> int:
    """The bits of the named fields; raises ValueError for a name that is no field of a profile."""
    if unknown := names - set(PROFILE_FIELDS):
        raise ValueError(f"no such profile fields: {', '.join(sorted(unknown))}")
    return sum(1 << bit for bit, name in enumerate(PROFILE_FIELDS) if name in names)


def _tell_open_pages(shop_id: int, results: list[Applied]) -> None:
    changed = [result.contact_id for result in results if result.created or result.updated]
    if changed:
        notice = {"shop": shop_id, "contacts": changed if len(changed) <= LIVE_LIMIT else "many"}
        with connection.cursor() as cursor:
            cursor.execute("select pg_notify('sayso_live', %s)", [json.dumps(notice)])
