"""``phone_consent_covers_whatsapp`` (features §8.2): a shop whose checkout box names WhatsApp beside SMS has one consent
for both. It counts from the day the shop stored that wording, and each channel gets its own entry with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sayso.consent import settings, wordings
from sayso.consent.events import Channel, State
from sayso.consent.models import ConsentState
from sayso.contacts.changes import ContactChange
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from .consent_values import ConsentReading

Covered = dict[int, wordings.Wording]
"""Contact id → the wording its SMS consent was given under, where that names WhatsApp too."""


def covered(readings: Sequence[tuple[int, ContactChange, ConsentReading]]) -> Covered:
    """Whose newly read SMS consent is one for WhatsApp as well; nobody where the shop did not decide so.

    ``readings``: contact id, customer and one of its consents.
    """
    shop = Shop.objects.get(pk=current_shop_id())
    if not settings.of(shop).phone_consent_covers_whatsapp:
        return {}
    given = {
        contact_id: (consent.at, change.profile.locale if change.profile else None)
        for contact_id, change, consent in readings
        if consent.channel is Channel.SMS and consent.state is State.SUBSCRIBED and consent.at is not None
    }
    held = dict(ConsentState.objects.filter(contact_id__in=given).values_list("contact_id", "whatsapp_opt_in_at"))
    fresh = [
        (contact_id, locale, at)
        for contact_id, (at, locale) in given.items()
        if (known := held.get(contact_id)) is None or known < at.replace(microsecond=0)
    ]
    shown = wordings.at_many(wordings.CHECKOUT, [(Channel.WHATSAPP, locale, at) for _, locale, at in fresh])
    return {
        contact_id: wording for (contact_id, _, _), wording in zip(fresh, shown, strict=True) if wording is not None
    }
