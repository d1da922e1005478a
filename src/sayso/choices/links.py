"""Addresses of public pages for messages to carry: absolute, signed, without any address of the person."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings
from django.urls import reverse

from sayso.consent.events import PHONE_CHANNELS, Channel
from sayso.consent.models import ConsentState
from sayso.contacts.models import Contact
from sayso.shops.tenancy import current_shop_id

from .tokens import Confirmation, Person, address_mark, write_confirmation, write_person


def preference_url(contact_id: int, channel: str) -> str:
    """The page on which a contact of the current shop chooses what it gets; ``channel`` is where the link is sent."""
    return preference_urls([contact_id], channel)[contact_id]


def unsubscribe_url(contact_id: int, channel: str) -> str:
    """The page with the one button, and the address for ``List-Unsubscribe`` with ``List-Unsubscribe-Post`` (RFC 8058)."""
    return unsubscribe_urls([contact_id], channel)[contact_id]


def preference_urls(contact_ids: Collection[int], channel: str) -> dict[int, str]:
    """:func:`preference_url` for many contacts, in one query."""
    return _urls("preferences", contact_ids, Channel(channel))


def unsubscribe_urls(contact_ids: Collection[int], channel: str) -> dict[int, str]:
    """:func:`unsubscribe_url` for many contacts, in one query."""
    return _urls("unsubscribe", contact_ids, Channel(channel))


def _urls(page: str, contact_ids: Collection[int], channel: Channel) -> dict[int, str]:
    shop_id = current_shop_id()
    column = "phone_key" if channel in PHONE_CHANNELS else "email_key"
    keys = dict(Contact.objects.filter(pk__in=contact_ids).values_list("pk", column))
    return {
        pk: absolute(page, write_person(Person(shop_id, pk, channel, address_mark(keys.get(pk))))) for pk in contact_ids
    }


def confirmation_url(contact_id: int, channel: str) -> str | None:
    """The page on which the open opt-in of a contact of the current shop is confirmed; None where none is open."""
    state = ConsentState.objects.filter(contact_id=contact_id).first()
    pending_at = getattr(state, f"{Channel(channel)}_pending_at", None)
    if pending_at is None:
        return None
    mark = address_mark(getattr(state, f"{channel}_address_key"))
    token = write_confirmation(Confirmation(current_shop_id(), contact_id, Channel(channel), pending_at, mark))
    return absolute("confirm", token)


def absolute(name: str, *arguments: object) -> str:
    """The address of a page as the world reaches it: behind ``SAYSO_URL``; a bare path where that is not set."""
    return settings.PUBLIC_URL + reverse(name, args=arguments)
