"""Shops, their channels, and imports."""

from __future__ import annotations

from typing import Annotated

import typer

from .terminal import CommandError, Json, ShopOption, choose_shop, database, say, secret, show, show_one, up_is_running

shop_app = typer.Typer(no_args_is_help=True, help="Connect Shopify stores.")
channel = typer.Typer(no_args_is_help=True, help="Connect the numbers a shop sends from.")
importing = typer.Typer(no_args_is_help=True, help="Read what a store holds.")


def register(app: typer.Typer) -> None:
    app.add_typer(shop_app, name="shop")
    app.add_typer(channel, name="channel")
    app.add_typer(importing, name="import")


def _is_loopback(base_url: str) -> bool:
    """Only a sandbox connection may speak to this machine, so such an address means one."""
    from sayso.channels.base_url import ForbiddenAddress, check_base_url

    try:
        check_base_url(base_url, sandbox=True)
    except ForbiddenAddress:
        return False
    return True


@shop_app.command("add")
def add_shop(
    domain: Annotated[str, typer.Option(help="example.myshopify.com")],
    client_id: Annotated[str, typer.Option(envvar="SHOPIFY_CLIENT_ID", help="Of the app in Shopify.")],
    client_secret: Annotated[
        str | None, typer.Option(envvar="SHOPIFY_CLIENT_SECRET", help="Of the app; - reads it from standard input.")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(help="Where the store's API is, if not at its domain. One on this machine means a sandbox."),
    ] = None,
    sync_contacts: Annotated[
        bool | None,
        typer.Option(help="Whether contacts are made and changed by what the store says; kept as it is if not given."),
    ] = None,
    import_now: Annotated[bool, typer.Option("--import/--no-import", help="Queue the import right away.")] = True,
    as_json: Json = False,
) -> None:
    """Connect a store; connecting it again mends the connection."""
    plain = secret(client_secret, "the client secret")
    with database():
        from django.conf import settings

        from sayso.shopify import options
        from sayso.shopify.connection import subscriptions
        from sayso.shopify.connection.client import ShopifyError
        from sayso.shopify.connection.connect import ConnectError, connect
        from sayso.shopify.importing import imports
        from sayso.shops.tenancy import shop_context

        address = base_url or settings.SHOPIFY_URL.replace("{shop}", domain)
        try:
            shop = connect(domain, client_id, plain, base_url=base_url, sandbox=_is_loopback(address))
        except ConnectError as error:
            raise CommandError(str(error)) from error
        if sync_contacts is not None:
            with shop_context(shop.pk):
                options.choose(shop, actor_id="terminal", sync_contacts=sync_contacts)
        if settings.PUBLIC_URL:
            try:
                subscriptions.ensure(shop.pk, settings.PUBLIC_URL)
            except ShopifyError as error:
                say(f"live changes are not subscribed to yet, it is tried again every hour: {error}")
        if import_now:
            imports.start(shop.pk)
            if not up_is_running():
                say("the import is queued; ./sayso up or ./sayso import shopify carries it out")
        show_one({"id": shop.pk, "domain": shop.domain}, f"{shop.domain} is shop {shop.pk}", as_json=as_json)


@shop_app.command("list")
def list_shops(as_json: Json = False) -> None:
    """The connected shops."""
    with database():
        from sayso.contacts.models import Contact
        from sayso.shops.models import Shop
        from sayso.shops.tenancy import shop_context

        rows = []
        for shop in Shop.objects.order_by("pk"):
            with shop_context(shop.pk):
                contacts = Contact.objects.filter(deleted_at__isnull=True).count()
            rows.append(
                {
                    "id": shop.pk,
                    "domain": shop.domain,
                    "name": shop.name,
                    "status": shop.status,
                    "sandbox": shop.is_sandbox,
                    "contacts": contacts,
                }
            )
        show(rows, as_json=as_json, empty="no shop is connected yet: ./sayso shop add")


@channel.command("add")
def add_channel(
    kind: Annotated[str, typer.Argument(metavar="whatsapp", help="The kind of channel; whatsapp is the one there is.")],
    phone_number_id: Annotated[str, typer.Option(help="Meta's id of the sending number.")],
    app_id: Annotated[
        str | None, typer.Option(help="Id of the app at Meta, where several shops share it; else the shop has its own.")
    ] = None,
    token: Annotated[str | None, typer.Option(envvar="WHATSAPP_TOKEN", help="Access token; - reads it.")] = None,
    app_secret: Annotated[
        str | None, typer.Option(envvar="WHATSAPP_APP_SECRET", help="Signs webhooks; - reads it.")
    ] = None,
    verify_token: Annotated[
        str | None, typer.Option(envvar="WHATSAPP_VERIFY_TOKEN", help="What you typed for the webhook; - reads it.")
    ] = None,
    waba_id: Annotated[str, typer.Option(help="The WhatsApp business account; its templates are read.")] = "",
    display_number: Annotated[str, typer.Option(help="The number as people write it.")] = "",
    base_url: Annotated[str | None, typer.Option(help="Where the Cloud API is, if not at Meta.")] = None,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Connect a WhatsApp number of the Cloud API; connecting it again replaces its token."""
    if kind != "whatsapp":
        raise CommandError(f"there is no channel {kind}; whatsapp is the one there is")
    plain = {
        "token": secret(token, "the access token"),
        "app_secret": secret(app_secret, "the app secret"),
        "verify_token": secret(verify_token, "the verify token"),
    }
    with database():
        from sayso.messaging.connect import CannotConnect, connect_whatsapp

        chosen = choose_shop(shop)
        try:
            sender, templates = connect_whatsapp(
                chosen,
                phone_number_id=phone_number_id,
                app_id=app_id or chosen.domain,  # its secret must never take the place of another shop's
                waba_id=waba_id,
                display_number=display_number,
                base_url=base_url,
                **plain,
            )
        except CannotConnect as error:
            raise CommandError(str(error)) from error
        show_one(
            {"id": sender.pk, "shop": chosen.domain, "phone_number_id": phone_number_id, "templates": templates},
            f"number {phone_number_id} is sender {sender.pk} of {chosen.domain}, with {templates} templates",
            as_json=as_json,
        )


@channel.command("list")
def list_channels(shop: ShopOption = None, as_json: Json = False) -> None:
    """The sending numbers of a shop."""
    with database():
        from sayso.messaging.queries import senders
        from sayso.shops.tenancy import shop_context

        with shop_context(choose_shop(shop).pk):
            rows = [
                {
                    "id": one.pk,
                    "channel": one.channel,
                    "phone_number_id": one.phone_number_id,
                    "number": one.display_number,
                    "status": one.status,
                }
                for one in senders()
            ]
        show(rows, as_json=as_json, empty="no number is connected yet: ./sayso channel add whatsapp")


@importing.command("shopify")
def import_shopify(
    shop: ShopOption = None,
    wait: Annotated[bool, typer.Option(help="Follow it to its end.")] = True,
    as_json: Json = False,
) -> None:
    """Read customers, products, collections and orders of a store. What is unchanged stays as
    it is; interrupted, it goes on where it stopped.

    Where `sayso up` runs its worker does it, else this command.
    """
    with database():
        from sayso.config.importing import carry_through

        chosen = choose_shop(shop)
        rows = carry_through(chosen.pk, has_worker=up_is_running(), wait=wait)
        show(rows, as_json=as_json)
        if any(row["status"] == "ERROR" for row in rows):
            raise CommandError("the import failed: " + "; ".join(row["error"] for row in rows if row["error"]))
