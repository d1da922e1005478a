"""What consent shows on a contact's profile."""

from __future__ import annotations

from sayso.shops.pages import Panel

from . import history, queries
from .moments import local
from .proof import formats
from .proof.words import LANGUAGES
from .telling import tell

SHOWN = 25


def profile(contact_id: int, before: int | None = None, at: str = "", beside: Panel | None = None) -> Panel:
    """State per channel, and the ledger behind it. ``at`` is a past moment as the date picker writes it: then the
    states are those of that moment, and the entries those that were recorded by then. ``beside``: what another room has
    to say of the states."""
    then = local(at)
    entries = queries.history(contact_id, before=before, limit=SHOWN + 1, evidence_apart=True, until=then)
    return Panel(
        "consent/panel.html",
        {
            "consents": history.states_at(contact_id, then) if then else queries.of_contact(contact_id),
            "addresses": [] if then else queries.held_addresses(contact_id),  # suppressions have no past
            "told": tell(entries[:SHOWN], then),
            "older_entry": entries[SHOWN - 1].pk if len(entries) > SHOWN else None,
            "paged": before is not None,
            "then": then,
            "at": at if then else "",
            "contact_number": contact_id,
            "beside": None if then else beside,
            "formats": {key: form.name for key, form in formats.FORMATS.items()},
            "languages": LANGUAGES,
        },
    )
