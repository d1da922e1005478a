"""Links to pages of rooms above, for those below that write messages: each room puts its own in when Django starts."""

from __future__ import annotations

from collections.abc import Callable

Link = Callable[[int, str], str | None]
"""Takes the id of a contact of the current shop and a channel; None where there is nothing to lead to."""

providers: dict[str, Link] = {}
"""``confirmation``: the page on which an opt-in is confirmed. ``preferences``: what the person gets. ``unsubscribe``:
one button. All absolute, all signed, none names an address."""


def link(name: str, contact_id: int, channel: str) -> str | None:
    """The address of a page for one contact of the current shop; None where no room offers it or it has nothing to show."""
    provider = providers.get(name)
    return provider(contact_id, channel) if provider else None
