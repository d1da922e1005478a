"""Connecting a store: nothing is kept before the store itself has given a token and said who it is."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from sayso.channels.base_url import ForbiddenAddress, check_base_url
from sayso.messaging.models import Sender
from sayso.messaging.templates import sync_templates
from sayso.sandbox import known
from sayso.shops.models import ProviderApp, Shop
from sayso.shops.tenancy import enter_shop

from ..importing import imports
from ..models import Connection, SyncRun
from ..values import mapping, text
from . import subscriptions
from .about import of_answer
from .client import GraphQL, ShopifyError
from .signin import SignInError, Token, client_credentials, shop_domain
from .tokens import TIMEOUT, save_token

OVERLAP = timedelta(hours=5)
"""How long deliveries signed with the secret before are accepted. Shopify signs with it for up to an hour after a
rotation, and repeats for four hours what it could not deliver."""

SANDBOX_META_APP = "sandbox-meta-app"


class ConnectError(Exception):
    """The store was not connected, and nothing was kept. One sentence: what is wrong and what to do."""


def connect(
    domain: str,
    client_id: str,
    client_secret: str,
    *,
    base_url: str | None = None,
    sandbox: bool = False,
    name: str | None = None,
) -> Shop:
    """Connect a store by the client credentials grant and return its shop; connecting it again mends the connection.

    ``base_url`` defaults to ``SAYSO_SHOPIFY_URL``; ``name`` to what the store calls itself. Speaks to the store, so do
    not call it in a transaction that others wait for. Raises :class:`ConnectError`.
    """
    with in_a_sentence():
        domain = shop_domain(domain)
        base = store_address(domain, base_url, sandbox=sandbox)

        def ask(http: httpx.Client) -> Token:
            return client_credentials(
                http, base_url=base, client_id=client_id, client_secret=client_secret, sandbox=sandbox
            )

        token, about = introduce(base, domain, ask, sandbox=sandbox)
    return keep(
        domain, base, client_id, client_secret, token, about,
        grant=Connection.Grant.CLIENT_CREDENTIALS, sandbox=sandbox, name=name,
    )  # fmt: skip


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Whatever stands between us and the store becomes a :class:`ConnectError`."""
    try:
        yield
    except ForbiddenAddress as error:
        raise ConnectError(f"This address cannot be used: {error}.") from error
    except SignInError as error:
        raise ConnectError(_sign_in_trouble(error)) from error
    except ShopifyError as error:
        raise ConnectError(f"The store gave a token but does not answer: {error.message}.") from error


def store_address(domain: str, base_url: str | None, *, sandbox: bool) -> str:
    """The base address of a store, checked; by default what ``SAYSO_SHOPIFY_URL`` says. Raises ForbiddenAddress."""
    return check_base_url(base_url or settings.SHOPIFY_URL.replace("{shop}", domain), sandbox=sandbox)


def introduce(
    base: str, domain: str, ask: Callable[[httpx.Client], Token], *, sandbox: bool
) -> tuple[Token, dict[str, Any]]:
    """The token that ``ask`` gets, and what the store says about itself with it. Raises what :func:`in_a_sentence` reads."""
    with httpx.Client(timeout=TIMEOUT, trust_env=not sandbox) as http:
        token = ask(http)
        about = mapping(GraphQL(base, _Given(token), sandbox=sandbox, http=http).run("shop").get("shop"))
    told = text(about.get("myshopifyDomain"))
    if told != domain:
        raise ConnectError(f"The store calls itself {told or 'nothing'}; connect it by that address.")
    return token, about


def keep(
    domain: str,
    base: str,
    client_id: str,
    client_secret: str,
    token: Token,
    about: dict[str, Any],
    *,
    grant: str,
    sandbox: bool,
    name: str | None = None,
) -> Shop:
    """Keep app, shop and connection, all or nothing. Raises :class:`ConnectError` if the shop is of the other kind."""
    with transaction.atomic():
        app = _keep_app(client_id, client_secret)
        shop = _keep_shop(domain, about, sandbox=sandbox, name=name)
        enter_shop(shop.pk)
        row, _ = Connection.objects.update_or_create(
            domain=domain,
            defaults={
                "shop_id": shop.pk,
                "provider_app_id": app.pk,
                "base_url": base,
                "grant": grant,
                "connected_at": timezone.now(),
            },
        )
        save_token(row, token)
    return shop


class _Given:
    """The token that was just given; there is none after it."""

    def __init__(self, token: Token) -> None:
        self._token = token.access_token

    def token(self) -> str:
        return self._token

    refresh = token


def _keep_app(client_id: str, client_secret: str) -> ProviderApp:
    """One row an app, whichever shops share it. The secret before stays good for :data:`OVERLAP`."""
    app, made = ProviderApp.objects.select_for_update().get_or_create(
        provider=ProviderApp.Provider.SHOPIFY, client_id=client_id, defaults={"secret": client_secret}
    )
    if not made and app.secret != client_secret:
        app.previous_secret, app.secret = app.secret, client_secret
        app.previous_until = timezone.now() + OVERLAP
        app.save(update_fields=["secret", "previous_secret", "previous_until"])
    return app


def _keep_shop(domain: str, about: dict[str, Any], *, sandbox: bool, name: str | None) -> Shop:
    facts = {"name": domain} | of_answer(about, name=name)
    shop, made = Shop.objects.select_for_update().get_or_create(
        domain=domain,
        # The secret keys every suppression: it is made once and never again.
        defaults=facts | {"is_sandbox": sandbox, "address_secret": secrets.token_hex(32)},
    )
    if shop.is_sandbox != sandbox:
        kind = "the sandbox" if shop.is_sandbox else "a real store"
        raise ConnectError(f"{domain} is connected already, as {kind}.")
    if not made:
        for field, value in (facts | {"status": Shop.Status.ACTIVE}).items():
            setattr(shop, field, value)
        shop.save(update_fields=[*facts, "status"])
    return shop


_UNKNOWN_APP = "The store does not know this client id and secret; copy both from the app's settings."
_NOT_INSTALLED = "The app is not installed in this store; install it there first."
_TROUBLE = {
    "UNREACHABLE": "The store cannot be reached; check its address and try again.",
    "invalid_client": _UNKNOWN_APP,
    "application_cannot_be_found": _UNKNOWN_APP,
    "app_not_installed": _NOT_INSTALLED,
    "shop_not_permitted": _NOT_INSTALLED,
    "BAD_STATE": "This approval was not asked for in this browser, or was used already; begin again.",
    "BAD_SIGNATURE": "The answer is not signed with this app's secret; copy the secret from the app's settings again.",
}


def _sign_in_trouble(error: SignInError) -> str:
    if error.code == "BAD_DOMAIN":
        return f"{error.message[:1].upper()}{error.message[1:]}."
    return _TROUBLE.get(error.code, f"The store gave no token: {error.message} ({error.code}).")


def connect_sandbox(sandbox_url: str, our_url: str | None = None) -> Shop:
    """Connect the sandbox's store and its WhatsApp number.

    With ``our_url`` its deliveries come there, and what it holds is imported if that never happened. Idempotent: after a
    restart on other ports it mends the addresses. Raises :class:`ConnectError` and httpx.HTTPError.
    """
    shop = connect(
        known.DOMAIN,
        known.CLIENT_ID,
        known.CLIENT_SECRET,
        base_url=f"{sandbox_url}/shopify/{known.DOMAIN}",
        sandbox=True,
    )
    with transaction.atomic():
        app, _ = ProviderApp.objects.update_or_create(
            provider=ProviderApp.Provider.WHATSAPP,
            client_id=SANDBOX_META_APP,
            defaults={"secret": known.APP_SECRET, "verify_token": known.VERIFY_TOKEN},
        )
        enter_shop(shop.pk)
        sender, _ = Sender.objects.update_or_create(
            phone_number_id=known.PHONE_NUMBER_ID,
            defaults={
                "shop_id": shop.pk,
                "channel": "whatsapp",
                "provider_app_id": app.pk,
                "account_id": known.WABA_ID,
                "display_number": known.DISPLAY_NUMBER,
                "token": known.TOKEN,
                "base_url": f"{sandbox_url}/meta",
                "status": "CONNECTED",
                "status_reason": "",
            },
        )
    sync_templates(sender)
    if our_url:
        _deliver_to(sandbox_url, our_url)
        subscriptions.ensure(shop.pk, our_url)
        with transaction.atomic():
            enter_shop(shop.pk)
            imported = SyncRun.objects.filter(trigger=SyncRun.Trigger.INITIAL).exists()
        if not imported:
            imports.start(shop.pk)
    return shop


def _deliver_to(sandbox_url: str, our_url: str) -> None:
    """Tell the sandbox where Meta's webhooks go, and Shopify's compliance topics, which no subscription can name."""
    with httpx.Client(trust_env=False, timeout=TIMEOUT) as http:
        for path, body in (
            ("meta/webhook", {"url": f"{our_url}/webhooks/whatsapp"}),
            (f"shops/{known.DOMAIN}", {"compliance_url": f"{our_url}/webhooks/shopify"}),
        ):
            http.post(f"{sandbox_url}/control/{path}", json=body).raise_for_status()
