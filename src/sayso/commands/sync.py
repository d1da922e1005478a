"""The sync of a store from the terminal: how it stands, what is parked, what an import would change."""

from __future__ import annotations

from typing import Annotated

import typer

from .terminal import CommandError, Json, ShopOption, choose_shop, database, say, show, show_one, up_is_running

sync = typer.Typer(no_args_is_help=True, help="How current a store's data is, what is parked, and imports.")


def register(app: typer.Typer) -> None:
    app.add_typer(sync, name="sync")


@sync.command()
def status(shop: ShopOption = None, as_json: Json = False) -> None:
    """How current the data of a store is, and the newest import of each kind. Status 1 where something is wrong."""
    with database():
        from sayso.shopify import health, queries
        from sayso.shops.tenancy import shop_context

        chosen = choose_shop(shop)
        with shop_context(chosen.pk):
            fresh = queries.freshness(chosen.pk)
            runs = queries.latest_imports()
            wrong = health.troubles(chosen.pk)
        rows = [
            {
                "run": one.run.pk, "kind": one.run.kind, "status": one.run.status, "read": one.run.seen,
                "new": one.run.created, "changed": one.run.updated, "invalid": one.run.invalid,
                "failed": one.run.failed, "started": f"{one.run.started_at:%Y-%m-%d %H:%M}",
            }
            for one in runs
        ]  # fmt: skip
        facts = {
            "shop": chosen.domain, "last_change": fresh.received_at, "applied_after_seconds": fresh.lag,
            "waiting": fresh.waiting, "parked": fresh.parked, "troubles": [one.text for one in wrong],
        }  # fmt: skip
        if as_json:
            show_one(facts | {"imports": rows}, "", as_json=True)
        else:
            last = f"{fresh.received_at:%Y-%m-%d %H:%M:%S}" if fresh.received_at else "none yet"
            lag = "" if fresh.lag is None else f", applied after {fresh.lag:.1f} s"
            print(f"{chosen.domain}: last change {last}{lag}; {fresh.waiting:,} waiting, {fresh.parked:,} parked")
            show(rows, as_json=False, empty="no import has run yet")
        if wrong:
            raise CommandError(" ".join(one.text for one in wrong))


@sync.command()
def parked(shop: ShopOption = None, as_json: Json = False) -> None:
    """What failed too often, by topic and error."""
    with database():
        from sayso.intake.queries import parked_kinds

        rows = [
            {
                "provider": kind.provider, "topic": kind.topic, "number": kind.number,
                "oldest": f"{kind.oldest:%Y-%m-%d %H:%M}", "error": kind.error,
            }
            for kind in parked_kinds(choose_shop(shop).pk)
        ]  # fmt: skip
        show(rows, as_json=as_json, empty="nothing is parked")


@sync.command()
def replay(
    delivery: Annotated[list[int] | None, typer.Option("--delivery", help="Number of one; may be given again.")] = None,
    topic: Annotated[str | None, typer.Option(help="All of a topic: orders/create.")] = None,
    provider: Annotated[str, typer.Option(help="Whose topic it is.")] = "shopify",
    every: Annotated[bool, typer.Option("--all", help="All that are parked.")] = False,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Try parked deliveries again as they came. Trying twice does no harm."""
    if sum((bool(delivery), topic is not None, every)) != 1:
        raise CommandError("say which: --delivery NUMBER, --topic TOPIC or --all")
    with database():
        from django.utils import timezone

        from sayso.events.models import Event
        from sayso.intake.replay import replay as again
        from sayso.shops.tenancy import shop_context

        chosen = choose_shop(shop)
        with shop_context(chosen.pk):
            count = again(chosen.pk, delivery or None, provider=provider, topic=topic)
            if count:
                Event.objects.create(
                    shop_id=chosen.pk, kind="delivery.replayed", occurred_at=timezone.now(), actor_kind="staff",
                    actor_id="terminal", origin="sync", data={"count": count},
                )  # fmt: skip
        show_one({"count": count}, f"{count:,} tried again", as_json=as_json)
        if count and not up_is_running():
            say("they are applied when ./sayso up or a worker runs")


@sync.command("import")
def import_now(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; say what an import would change.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Follow it to its end.")] = True,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Read everything of a store again. What is unchanged stays as it is; interrupted, it goes on where it stopped."""
    with database():
        from sayso.config.importing import carry_through

        rows = carry_through(choose_shop(shop).pk, has_worker=up_is_running(), wait=wait, dry_run=dry_run)
        show(rows, as_json=as_json)
        if any(row["status"] == "ERROR" for row in rows):
            raise CommandError("it failed: " + "; ".join(row["error"] for row in rows if row["error"]))
