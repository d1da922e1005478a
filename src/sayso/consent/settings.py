"""What a shop decided about consent (features §18), kept in ``Shop.settings``; every change is an event with its author.

``sql/30_record.sql`` and the gate read the same keys, so a decision cannot be forgotten by a caller.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from django.utils import timezone
from msgspec import Meta, Struct, field

from sayso.events.models import Event
from sayso.shops.models import Shop

Confirmation = Literal["NONE", "NOTICE", "DOUBLE"]
ChannelName = Literal["whatsapp", "sms", "email"]
Language = Annotated[str, Meta(pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Words = Annotated[list[Annotated[str, Meta(min_length=1, max_length=60)]], Meta(max_length=200)]
Texts = dict[Language, Annotated[str, Meta(min_length=1, max_length=1000)]]
RetentionKind = Literal[
    "message_texts", "events", "order_identities", "checkouts", "deliveries", "sync_reports", "exports"
]  # fmt: skip
Days = Annotated[int, Meta(ge=1, le=3650)]
Url = Annotated[str, Meta(pattern="^(https?://.+)?$", max_length=500)]


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Defaults are the strict ones."""

    primary_channel: ChannelName = "whatsapp"
    consent_option: Literal["EXPLICIT", "INFERRED"] = "EXPLICIT"  # SMS alone, features §6.8
    phone_consent_covers_whatsapp: bool = False
    resubscribe_needs_confirmation: bool = False
    utility_without_marketing_opt_in: bool = False
    opt_in_confirmation: dict[ChannelName, Confirmation] = field(default_factory=dict)  # NONE where absent
    double_opt_in_sources: list[str] = field(default_factory=list)  # empty: all, where DOUBLE
    confirmation_template: str = ""  # an approved WhatsApp template, for people outside the 24-hour window
    confirmation_text: Texts = field(default_factory=dict)
    notice_text: Texts = field(default_factory=dict)
    opt_out_keywords: Words = field(default_factory=list)  # besides the built-in ones, which cannot be removed
    opt_in_keywords: Words = field(default_factory=list)  # empty: off
    opt_out_ack: dict[ChannelName, bool] = field(default_factory=lambda: {"whatsapp": True, "sms": False})
    opt_out_text: Texts = field(default_factory=dict)  # after a STOP in a message
    unsubscribe_text: Texts = field(default_factory=dict)  # after an unsubscribe link
    controller_name: Annotated[str, Meta(max_length=200)] = ""  # who answers for the data; empty: the shop's name
    controller_contact: Annotated[str, Meta(max_length=500)] = ""
    privacy_policy_url: Url = ""
    terms_url: Url = ""
    brand_colour: Annotated[str, Meta(pattern="^(#[0-9a-fA-F]{6})?$")] = ""  # of the shop's public pages
    retention: dict[RetentionKind, Days] = field(default_factory=dict)  # days; see sayso.privacy.retention for defaults
    write_back_consent: bool = True  # what changes here is told to Shopify, features §6.12
    sync_contacts: bool = True  # off: Shopify makes and changes no contact, see sayso.shopify.customers
    unsubscribe_mode: Literal["ONE_CLICK", "TWO_CLICKS", "CATEGORIES"] = "ONE_CLICK"  # features §6.11

    def confirmation(self, channel: str) -> Confirmation:
        return self.opt_in_confirmation.get(channel, "NONE")  # type: ignore[call-overload]


KEYS = frozenset(one.name for one in msgspec.structs.fields(Settings))


def of(shop: Shop) -> Settings:
    """The decisions of a shop. Raises msgspec.ValidationError where the stored ones are none."""
    return msgspec.convert({key: value for key, value in shop.settings.items() if key in KEYS}, Settings)


def change(shop: Shop, *, actor_kind: str, actor_id: str = "", **values: Any) -> Settings:
    """Decide anew on the named settings. Needs a transaction with this shop.

    Only what really differs is written, with one event ``settings.changed`` holding old and new values. Raises
    msgspec.ValidationError, and changes nothing, for an unknown name or a value that is none.
    """
    shop = Shop.objects.select_for_update().get(pk=shop.pk)
    before = of(shop)
    after = msgspec.convert({**msgspec.to_builtins(before), **values}, Settings)
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    changed = {name: [old[name], new[name]] for name in KEYS if old[name] != new[name]}
    if changed:
        Shop.objects.filter(pk=shop.pk).update(settings=shop.settings | {name: new[name] for name in changed})
        Event.objects.create(
            shop_id=shop.pk, kind="settings.changed", occurred_at=timezone.now(), actor_kind=actor_kind,
            actor_id=actor_id, origin="settings", data=changed,
        )  # fmt: skip
    return after
