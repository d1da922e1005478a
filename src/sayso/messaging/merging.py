"""What of this room follows a contact that becomes part of another one."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from sayso.contacts.following import Following, moves


def _follow(source: int, target: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("select * from messages_follow(%s, %s)", [source, target])
        return [pk for (pk,) in cursor.fetchall()]


def _back(ids: Sequence[int], target: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select messages_give_back(%s, %s)", [list(ids), target])


ALL = (
    Following("message", _follow, _back),
    moves("message_skip", once=("origin", "origin_id")),
    moves("possible_opt_out"),
)
