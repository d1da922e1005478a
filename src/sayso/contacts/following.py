"""What follows a contact that becomes part of another one: declared by each room, carried out by :mod:`.merge`.

A room says of every table of its own that names a contact whether its rows follow, and how, or why they stay.
``tests/contacts/test_merge.py`` reads the catalogue and fails for a table that nobody declared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection

Move = Callable[[int, int], list[int]]
"""(from contact, to contact) → ids of the rows that now belong to the second one."""
MoveBack = Callable[[Sequence[int], int], None]
"""(ids, to contact): give these rows back."""


@dataclass(frozen=True, slots=True)
class Following:
    """One table. ``move`` and ``back`` are None where its rows stay, for the reason ``stays``."""

    table: str
    move: Move | None = None
    back: MoveBack | None = None
    stays: str = ""


_following: dict[str, Following] = {}


def declare(*following: Following) -> None:
    """Add tables of a room. Declaring one again replaces it, so that starting twice is harmless."""
    for one in following:
        _following[one.table] = one


def declared() -> list[Following]:
    """All that was declared, in the order of declaration."""
    return list(_following.values())


def moves(table: str, *, once: Sequence[str] = ()) -> Following:
    """A table whose rows simply change hands. ``once``: columns of which a contact has each combination but once; where
    the survivor has it, the other one's row stays with the hidden contact.

    For tables in which the application's role may set ``contact_id``.
    """
    same = " and ".join(f"o.{column} is not distinct from t.{column}" for column in once)
    taken = f" and not exists (select from {table} o where o.contact_id = %(to)s and {same})" if once else ""

    def move(source: int, target: int) -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"update {table} t set contact_id = %(to)s where t.contact_id = %(from)s{taken} returning t.id",  # noqa: S608
                {"from": source, "to": target},
            )
            return [pk for (pk,) in cursor.fetchall()]

    def back(ids: Sequence[int], target: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"update {table} set contact_id = %s where id = any(%s)", [target, list(ids)])  # noqa: S608

    return Following(table, move, back)
