"""What consent shows on a contact's profile."""

from __future__ import annotations

from sayso.shops.pages import Panel

from . import queries
from .telling import tell

SHOWN = 25


def profile(contact_id: int, before: int | None = None) -> Panel:
    """State per channel, and the ledger behind it."""
    entries = queries.history(contact_id, before=before, limit=SHOWN + 1, evidence_apart=True)
    return Panel(
        "consent/panel.html",
        {
            "consents": queries.of_contact(contact_id),
            "addresses": queries.held_addresses(contact_id),
            "told": tell(entries[:SHOWN]),
            "older_entry": entries[SHOWN - 1].pk if len(entries) > SHOWN else None,
            "paged": before is not None,
        },
    )
