"""Privacy requests from the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .terminal import CommandError, Json, ShopOption, choose_shop, database, say, show, show_one, writing

if TYPE_CHECKING:
    from sayso.privacy.models import PrivacyRequest
    from sayso.shops.models import Shop

privacy = typer.Typer(no_args_is_help=True, help="What people ask about their data: access, erasure, retention.")

Contact = Annotated[int | None, typer.Option("--contact", help="The number of a contact.")]
Customer = Annotated[int | None, typer.Option("--shopify-customer", help="The id of a Shopify customer.")]
Email = Annotated[str, typer.Option("--email")]
Phone = Annotated[str, typer.Option("--phone", help="In E.164.")]


def register(app: typer.Typer) -> None:
    app.add_typer(privacy, name="privacy")


def _row(one: PrivacyRequest) -> dict[str, Any]:
    from sayso.privacy.queries import Clock

    return {
        "id": one.pk, "kind": one.kind, "origin": one.origin, "status": one.status, "received": one.received_at,
        "due": one.due_at, "clock": Clock.of(one).words, "done": one.done_at, "contacts": one.contact_ids,
        "note": one.note or one.error,
    }  # fmt: skip


@privacy.command("list")
def list_requests(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are not done.")] = False,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """The requests of a shop, the newest first."""
    with database():
        from sayso.privacy import queries
        from sayso.shops.tenancy import shop_context

        chosen = choose_shop(shop)
        with shop_context(chosen.pk):
            rows = [_row(one.request) for one in queries.listed(only_open=only_open, limit=1000)]
        show(rows, as_json=as_json, empty="no requests")


@privacy.command()
def access(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the zip is written.", dir_okay=False)],
    contact: Contact = None,
    customer: Customer = None,
    email: Email = "",
    phone: Phone = "",
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Everything held about a person, as a zip of JSON and CSV."""
    with database():
        from sayso.privacy import access as packages
        from sayso.privacy.models import PrivacyRequest
        from sayso.shops.tenancy import shop_context

        chosen = choose_shop(shop)
        done = _carry_out(chosen, PrivacyRequest.Kind.ACCESS, contact, customer, email, phone)
        with shop_context(chosen.pk):
            packages.taken(done, actor_kind="staff", actor_id="terminal")
        with writing(output), output.open("wb") as file:
            for piece in packages.download(chosen.pk, done.pk):
                file.write(piece)
        line = f"request {done.pk}: {sum(done.counts.values())} rows in {output}"
        show_one(_row(done) | {"file": str(output), "counts": done.counts}, line, as_json=as_json)


@privacy.command()
def redact(
    contact: Contact = None,
    customer: Customer = None,
    email: Email = "",
    phone: Phone = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. It cannot be undone.")] = False,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Erase a person for good. Their addresses are never messaged again."""
    with database():
        from sayso.privacy.models import PrivacyRequest

        chosen = choose_shop(shop)
        _sure(yes, f"Erase this person from {chosen.domain}? It cannot be undone.")
        done = _carry_out(chosen, PrivacyRequest.Kind.REDACT, contact, customer, email, phone)
        scrubbed = sum(count for name, count in done.counts.items() if name not in ("contacts", "addresses"))
        line = (
            f"request {done.pk}: {len(done.contact_ids)} contact(s) erased, {scrubbed} rows scrubbed,"
            f" {done.counts.get('addresses', 0)} address(es) suppressed"
        )
        show_one(_row(done) | {"counts": done.counts}, line, as_json=as_json)


@privacy.command("erase-shop")
def erase_shop(
    domain: Annotated[str, typer.Argument(help="The shop's domain, as a confirmation; the app must be uninstalled.")],
    as_json: Json = False,
) -> None:
    """Erase a whole shop; a signed certificate remains."""
    with database():
        from django.utils import timezone

        from sayso.privacy import requests, work
        from sayso.privacy.models import ErasureCertificate, PrivacyRequest
        from sayso.shops.models import Shop
        from sayso.shops.tenancy import shop_context

        shop = Shop.objects.filter(domain=domain.strip().lower()).first()
        if shop is None:
            raise CommandError(f"there is no shop {domain}; see ./sayso shop list")
        if shop.status == Shop.Status.ACTIVE:
            raise CommandError(f"the app is installed in {shop.domain}: uninstall it in Shopify first")
        with shop_context(shop.pk):
            request = requests.erase_shop_on(
                shop, timezone.now(), origin=PrivacyRequest.Origin.STAFF, actor_kind="staff", actor_id="terminal"
            )
            requests.confirm(request, actor_id="terminal")
            token = (request.subject or {}).get("certificate", "")
        say(f"erasing {shop.domain}; stopping this command stops it between two batches, and a worker goes on")
        work.carry_out(shop.pk, request.pk)
        certificate = ErasureCertificate.objects.filter(token=token).first()
        if certificate is None:
            raise CommandError("a worker is at it, or it failed: see ./sayso privacy list and the log")
        _show_certificate(certificate, as_json)


@privacy.command()
def certificates(as_json: Json = False) -> None:
    """The certificates of erased shops, with document and signature."""
    with database():
        from sayso.privacy import queries

        rows = [
            {"domain": one.domain, "erased": one.erased_at, "key": one.key_id, "token": one.token}
            | ({"document": one.document, "signature": bytes(one.signature).hex()} if as_json else {})
            for one in queries.certificates()
        ]
        show(rows, as_json=as_json, empty="no shop was erased")


@privacy.command()
def retention(shop: ShopOption = None, as_json: Json = False) -> None:
    """Enforce the retention periods of a shop now; it also happens every night."""
    with database():
        from sayso.privacy import retention as periods

        chosen = choose_shop(shop)
        kept = periods.periods(chosen)
        removed = periods.apply(chosen)
        rows = [{"kind": kind, "days": kept.get(kind), "removed": count} for kind, count in removed.items()]
        show(rows, as_json=as_json)


def _carry_out(
    shop: Shop, kind: PrivacyRequest.Kind, contact: int | None, customer: int | None, email: str, phone: str
) -> PrivacyRequest:
    """Open a request and carry it out here, whether or not a worker runs: whoever claims it first does it."""
    from sayso.contacts import models as contacts
    from sayso.contacts.phones import normalise
    from sayso.privacy import requests, work
    from sayso.privacy.models import PrivacyRequest
    from sayso.privacy.people import Named
    from sayso.shops.tenancy import shop_context

    if not (contact or customer or email or phone):
        raise CommandError("who is meant? --contact, --shopify-customer, --email or --phone")
    if phone and normalise(phone, shop.country).e164 is None:
        raise CommandError(f"{phone} is no phone number; write it with its calling code")
    with shop_context(shop.pk):
        if contact and not contacts.Contact.objects.filter(pk=contact).exists():
            raise CommandError(f"there is no contact {contact} in {shop.domain}")
        asking = requests.Asking(kind, Named(customer, email, phone), [contact] if contact else [])
        [request] = requests.open_all(
            shop.pk, [asking], origin=PrivacyRequest.Origin.STAFF, actor_kind="staff", actor_id="terminal"
        )
    work.carry_out(shop.pk, request.pk)
    with shop_context(shop.pk):
        request.refresh_from_db()
    if request.status != PrivacyRequest.Status.DONE:
        raise CommandError(f"request {request.pk} is {request.status}: {request.error or 'a worker is at it'}")
    return request


def _sure(yes: bool, question: str) -> None:
    if not yes and not typer.confirm(question):
        raise CommandError("nothing was done")


def _show_certificate(certificate: Any, as_json: bool) -> None:
    row = {
        "document": certificate.document, "signature": bytes(certificate.signature).hex(), "key": certificate.key_id,
        "token": certificate.token,
    }  # fmt: skip
    show_one(row, f"erased; certificate {certificate.token}\n{certificate.document}", as_json=as_json)
