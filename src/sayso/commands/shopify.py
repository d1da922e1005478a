"""Comparing with Shopify from the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from .terminal import CommandError, Json, ShopOption, choose_shop, database, say, show, up_is_running

shopify = typer.Typer(no_args_is_help=True, help="Compare with Shopify, and see what it tells.")


def register(app: typer.Typer) -> None:
    app.add_typer(shopify, name="shopify")


@shopify.command("reconcile")
def reconcile(
    shop: ShopOption = None,
    full: Annotated[
        bool, typer.Option("--full", help="Everything, and what vanished; else what changed since the last time.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Follow it to its end.")] = True,
    as_json: Json = False,
) -> None:
    """Compare what is held with the store, mend what differs, and list it.

    Where `sayso up` runs its worker does it, else this command. Interrupted, it goes on where it stopped.
    """
    with database():
        from sayso.config.reconciling import carry_through

        chosen = choose_shop(shop)
        done = carry_through(chosen.pk, full=full, has_worker=up_is_running(), wait=wait)
        show(done.rows, as_json=as_json, empty="nothing differed" if done.over else "queued")
        if not as_json and done.over:
            say(f"{done.seen} compared, {done.drifted} differed, {done.mended} mended")
        if done.error:
            raise CommandError(f"the comparison failed: {done.error}")


@shopify.command("topics")
def topics(shop: ShopOption = None, as_json: Json = False) -> None:
    """Which topics the store tells of, since when, and the newest delivery of each."""
    with database():
        from dataclasses import asdict

        from sayso.shopify.connection import subscriptions
        from sayso.shops.tenancy import shop_context

        with shop_context(choose_shop(shop).pk):
            rows = [asdict(row) for row in subscriptions.table()]
        show(rows, as_json=as_json, empty="not looked at yet: that happens every hour while ./sayso up runs")
