"""What contacts show on a profile: the fields, other identities, and why an address does not work."""

from __future__ import annotations

from sayso.shops.pages import Panel

from . import queries
from .models import Contact


def profile(contact: Contact) -> Panel:
    statuses = {status.channel: status for status in queries.address_statuses(contact.pk)}
    return Panel(
        "contacts/panel.html",
        {
            "contact": contact,
            "identities": queries.identities(contact.pk),
            "email_status": statuses.get("email"),
            "phone_statuses": [status for channel, status in statuses.items() if channel != "email"],
        },
    )
