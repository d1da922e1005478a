"""The ledger from the terminal: check it, sign it, its keys, and the past it tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from .terminal import CommandError, Json, ShopOption, choose_shop, database, say, show

if TYPE_CHECKING:
    from sayso.consent.ledger.verify import Report
    from sayso.shops.models import Shop

ledger = typer.Typer(no_args_is_help=True, help="Check and sign the consent ledger.")


def register(app: typer.Typer) -> None:
    app.add_typer(ledger, name="ledger")


def _shops(named: str | None) -> list[Shop]:
    from sayso.shops.models import Shop

    return [choose_shop(named)] if named else list(Shop.objects.order_by("pk"))


@ledger.command()
def verify(shop: ShopOption = None, as_json: Json = False) -> None:
    """Compute everything again and name what does not fit; status 1 where something does not. All shops, or one."""
    import time

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with database():
        from sayso.consent.ledger import verify as verifying
        from sayso.consent.ledger.keys import KeyTrouble
        from sayso.consent.models import LedgerEntry
        from sayso.shops.tenancy import shop_context

        reports: list[tuple[Report, float]] = []
        rate = TextColumn("{task.fields[rate]} entries/s")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), disable=as_json) as bar:
            for one in _shops(shop):
                with shop_context(one.pk):
                    total = LedgerEntry.objects.count()
                task = bar.add_task(one.domain, total=total, rate="")
                began, seen = time.perf_counter(), 0

                def tell(entries: int, task=task, began=began) -> None:
                    nonlocal seen
                    seen += entries
                    bar.update(task, advance=entries, rate=f"{seen / (time.perf_counter() - began):,.0f}")

                try:
                    reports.append((verifying.verify(one, tell), began))
                except KeyTrouble as error:
                    raise CommandError(str(error)) from error
                reports[-1] = (reports[-1][0], time.perf_counter() - began)
        rows: list[dict[str, Any]] = [
            {
                "shop": report.shop,
                "whole": "yes" if report.whole else "NO",
                "entries": report.entries,
                "contacts": report.contacts,
                "checkpoints": report.checkpoints,
                "under_checkpoint": report.covered,
                "evidence": report.evidence,
                "erased": report.evidence_erased,
                "broken": report.broken,
                "first_broken": str(report.first) if report.first else None,
                "entries_per_second": round(report.entries / seconds) if seconds else 0,
            }
            for report, seconds in reports
        ]
        if as_json:
            for row, (report, _) in zip(rows, reports, strict=True):
                row["whole"] = report.whole
                row["findings"] = [vars(one) for one in report.findings]
        show(rows, as_json=as_json, empty="no shop is connected yet")
        for report, _ in reports:
            if report.first and not as_json:
                say(f"{report.shop}: BROKEN. {report.first}")
        if not all(report.whole for report, _ in reports):
            raise typer.Exit(1)


@ledger.command()
def checkpoint(shop: ShopOption = None, as_json: Json = False) -> None:
    """Sign what was added since the last checkpoint. It also happens by itself every ten minutes while sayso is up."""
    with database():
        from sayso.consent.ledger import checkpoint as checkpoints
        from sayso.consent.ledger.keys import KeyTrouble

        rows = []
        for one in _shops(shop):
            try:
                made = checkpoints.checkpoint(one.pk)
            except (checkpoints.Busy, KeyTrouble) as error:
                raise CommandError(f"{one.domain}: {error}") from error
            rows += [{"shop": one.domain} | vars(checkpoint) for checkpoint in made]
        show(rows, as_json=as_json, empty="nothing was added since the last checkpoint")


@ledger.command("keys")
def list_keys(as_json: Json = False) -> None:
    """The keys that signed, by fingerprint: publish it where an auditor finds it without asking you."""
    with database():
        from sayso.consent.ledger import keys

        try:
            keys.signer()
            known = keys.known()
        except keys.KeyTrouble as error:
            raise CommandError(str(error)) from error
        rows: list[dict[str, Any]] = [
            {
                "id": key.id,
                "fingerprint": key.fingerprint,
                "created": key.created_at.isoformat(timespec="seconds"),
                "retired": key.retired_at and key.retired_at.isoformat(timespec="seconds"),
                "endorsed_by": key.previous,
            }
            for key in known
        ]
        show(rows, as_json=as_json)


@ledger.command()
def rotate(as_json: Json = False) -> None:
    """Make a new signing key. The old one endorses it, and its private half is destroyed; what it signed stays valid."""
    with database():
        from sayso.consent.ledger import keys

        try:
            new = keys.rotate()
        except keys.KeyTrouble as error:
            raise CommandError(str(error)) from error
        show([{"id": new.id, "fingerprint": new.fingerprint, "endorsed_by": new.previous}], as_json=as_json)
