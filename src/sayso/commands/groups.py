"""The groups of a shop."""

from __future__ import annotations

from typing import Annotated

import typer

from .terminal import Json, ShopOption, choose_shop, database, show


def register(app: typer.Typer) -> None:
    app.command("groups")(list_groups)


def list_groups(
    shop: ShopOption = None,
    search: Annotated[str, typer.Option(help="Part of the name.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    as_json: Json = False,
) -> None:
    """The segments, tags and guests of a shop as groups, with how many contacts are in each."""
    with database():
        from sayso.audience import queries
        from sayso.shops.tenancy import shop_context

        with shop_context(choose_shop(shop).pk):
            found = queries.find(text=search, size=limit)
        rows = [
            {
                "id": group.pk,
                "kind": group.kind,
                "name": group.name,
                "contacts": group.members_count,
                "counted_at": group.counted_at,
                "gone": group.gone,
            }
            for group in found.groups
        ]
        show(rows, as_json=as_json, empty="no groups yet: the first import brings them")
