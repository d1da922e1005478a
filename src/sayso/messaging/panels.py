"""What messaging shows on a contact's profile."""

from __future__ import annotations

from sayso.shops.pages import Panel

from . import asked, queries

SHOWN = 10


def profile(contact_id: int) -> Panel:
    """The newest messages."""
    found = queries.of_contact(contact_id, limit=SHOWN + 1)
    return Panel("messaging/panel.html", {"messages_shown": found[:SHOWN], "more_messages": len(found) > SHOWN})


def possible_opt_outs(contact_id: int) -> Panel:
    """Messages that mention leaving without plainly asking for it, each with a button."""
    return Panel("messaging/possible_opt_outs.html", {"possible": asked.possible(contact_id)})
