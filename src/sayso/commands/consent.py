"""Consent from the terminal: the past, proofs and exports."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from .terminal import CommandError, Json, ShopOption, choose_shop, database, say, show, show_one, writing

consent = typer.Typer(no_args_is_help=True, help="Ask the past, prove consent, write exports.")

At = Annotated[str, typer.Option("--at", metavar="TIME", help="2026-11-01T12:00:00+01:00; UTC without an offset.")]
ChannelOption = Annotated[str, typer.Option("--channel", metavar="whatsapp|sms|email")]
ContactNumber = Annotated[int, typer.Argument(help="Number of the contact.")]


def register(app: typer.Typer) -> None:
    app.add_typer(consent, name="consent")


def _moment(text: str) -> datetime:
    from datetime import UTC

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text} is no time: write it like 2026-11-01T12:00:00+01:00") from None
    moment = found if found.tzinfo else found.replace(tzinfo=UTC)
    if moment > datetime.now(UTC):
        raise CommandError(f"{text} lies in the future; what will be known then is not known yet")
    return moment


def _channel(text: str) -> str:
    from sayso.consent.events import Channel

    if text not in set(Channel):
        raise CommandError(f"there is no channel {text}; there are {', '.join(Channel)}")
    return text


@consent.command("at")
def at(contact: ContactNumber, at: At, shop: ShopOption = None, as_json: Json = False) -> None:
    """The consent of a contact as it was known at a past moment."""
    with database():
        from sayso.consent import history
        from sayso.contacts.models import Contact
        from sayso.shops.tenancy import shop_context

        moment = _moment(at)
        chosen = choose_shop(shop)
        with shop_context(chosen.pk):
            if not Contact.objects.filter(pk=contact).exists():
                raise CommandError(f"there is no contact {contact} in {chosen.domain}")
            show([vars(one) for one in history.states_at(contact, moment)], as_json=as_json)


@consent.command()
def messageable(
    at: At,
    channel: ChannelOption,
    out: Annotated[Path | None, typer.Option(help="Write the numbers of the contacts there, one a line.")] = None,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """How many could have been sent marketing at a past moment; with --out also who."""
    with database():
        from sayso.consent import exports, history
        from sayso.shops.tenancy import shop_context

        moment, channel = _moment(at), _channel(channel)
        with shop_context(choose_shop(shop).pk):
            number = history.count_messageable(moment, channel)
            if out:
                exports.told("messageable", {"channel": channel, "at": moment.isoformat()}, actor_id="terminal")
                with writing(out), out.open("w") as file:
                    for one in history.every_messageable(moment, channel):
                        file.write(f"{one.contact_id}\n")
        row = {"at": moment.isoformat(), "channel": channel, "contacts": number}
        show_one(row, f"{number} contacts could have been messaged on {channel} at {moment}", as_json=as_json)


@consent.command()
def proof(
    contact: ContactNumber,
    form: Annotated[str, typer.Option("--format", help="pdf, html, jsonl, csv, kantara or dpv.")] = "pdf",
    language: Annotated[str, typer.Option(help="en, de, fr, es or pt; the contact's own if left out.")] = "",
    out: Annotated[Path | None, typer.Option(help="Where to; a name of its own here if left out.")] = None,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Write the proof of one contact's consent to a file."""
    with database():
        from sayso.consent.ledger.keys import KeyTrouble
        from sayso.consent.proof import formats
        from sayso.shops.tenancy import shop_context

        if form not in formats.FORMATS:
            raise CommandError(f"there is no format {form}; there are {', '.join(formats.FORMATS)}")
        chosen = choose_shop(shop)
        try:
            with shop_context(chosen.pk):
                made = formats.make(chosen, contact, form, language=language, actor_kind="staff", actor_id="terminal")
        except KeyTrouble as error:
            raise CommandError(str(error)) from error
        if made is None:
            raise CommandError(f"there is no contact {contact} in {chosen.domain}")
        path = out or Path(made.filename)
        with writing(path):
            path.write_bytes(made.content)
        show_one({"file": str(path), "bytes": len(made.content)}, str(path), as_json=as_json)


@consent.command()
def export(
    kind: Annotated[str, typer.Argument(help="proof_pack, ledger_jsonl, ledger_csv or messageable_csv.")],
    out: Annotated[Path, typer.Option(help="Where to write it.")],
    at: Annotated[str, typer.Option(help="For messageable_csv: the moment.")] = "",
    channel: Annotated[str, typer.Option(help="For messageable_csv, or to narrow a ledger.")] = "",
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Write an export here and now, without waiting for the worker."""
    import shutil

    with database():
        from sayso.consent import exports
        from sayso.consent.ledger.checkpoint import Busy
        from sayso.consent.ledger.keys import KeyTrouble
        from sayso.shops.tenancy import shop_context

        if kind not in exports.KINDS:
            raise CommandError(f"there is no kind {kind}; there are {', '.join(exports.KINDS)}")
        parameters = {"channel": _channel(channel)} if channel and kind != "proof_pack" else {}
        if kind == "messageable_csv":
            if not at or not channel:
                raise CommandError("messageable_csv needs --at and --channel")
            parameters["at"] = _moment(at).isoformat()
        chosen = choose_shop(shop)
        with shop_context(chosen.pk):
            asked = exports.request(kind, parameters, actor_kind="staff", actor_id="terminal", in_background=False)
        try:
            done = exports.run(chosen.pk, asked.pk)
        except (Busy, KeyTrouble, OSError) as error:
            exports.fail(chosen.pk, asked.pk, str(error))
            raise CommandError(f"the export failed: {error}") from error
        path = exports.file_of(done) if done else None
        if done is None or path is None:
            raise CommandError("another process is writing this export")
        with writing(out):
            shutil.copyfile(path, out)
        say(f"{done.done} {exports.KINDS[kind].rows}, SHA-256 {done.sha256}")
        show_one({"file": str(out), "bytes": done.bytes, "sha256": done.sha256}, str(out), as_json=as_json)
