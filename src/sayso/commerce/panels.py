"""What commerce shows on a contact's profile."""

from __future__ import annotations

from sayso.contacts.models import Contact
from sayso.shops.pages import Panel

from . import queries

SHOWN = 10


def profile(contact_id: int) -> Panel:
    """The newest orders."""
    found = queries.of_contact(contact_id, limit=SHOWN + 1)
    return Panel("commerce/panel.html", {"orders": found[:SHOWN], "more_orders": len(found) > SHOWN})


def checkouts(contact: Contact) -> Panel | None:
    """The newest checkouts that were begun and not bought at once; None where there are none."""
    found = queries.checkouts_of(contact)
    return Panel("commerce/checkouts_panel.html", {"checkouts": found}) if found else None
