"""Access tokens of a connection: renewed ahead of time, by one at a time, and kept before anybody uses them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
from django.utils import timezone

from sayso.shops.models import ProviderApp, Shop
from sayso.shops.tenancy import shop_context

from ..models import Connection
from .client import GraphQL
from .signin import SignInError, Token, client_credentials, refreshed

AHEAD = timedelta(hours=1)
"""A token of 24 hours is renewed when less than this is left; while the store is away, the old one still works."""

AHEAD_OF_AN_HOUR = timedelta(minutes=10)
"""The same for a token of 60 minutes, which comes with a refresh token."""

REFUSED = "TOKEN_REFUSED"

TIMEOUT = httpx.Timeout(60.0, connect=10.0)


class NotConnected(Exception):
    """The shop has no store to speak to. The text says why."""


class ConnectionTokens:
    """The :class:`.client.TokenSource` of one connection.

    Whoever renews holds the row, so that a second one waits and then finds the new token.
    """

    def __init__(self, shop_id: int, connection_id: int, http: httpx.Client, *, sandbox: bool) -> None:
        self._shop_id, self._id, self._http, self._sandbox = shop_id, connection_id, http, sandbox
        self._last = ""

    def token(self) -> str:
        """The stored token, or a new one if it ends soon. Raises :class:`NotConnected` and :class:`.SignInError`."""
        with shop_context(self._shop_id):
            row = self._row(lock=False)
        if not _lasts(row):
            return self._renew(refused=None)
        self._last = row.access_token
        return self._last

    def refresh(self) -> str:
        """A new token, because the store refused the last one."""
        return self._renew(refused=self._last)

    def _renew(self, refused: str | None) -> str:
        try:
            with shop_context(self._shop_id):
                row = self._row(lock=True)
                if _lasts(row) and row.access_token != refused:
                    self._last = row.access_token  # somebody else renewed it meanwhile
                else:
                    token = self._ask(row, refused)
                    save_token(row, replace(token, scopes=tuple(row.scopes)))  # those are looked at every hour
                    self._last = token.access_token
        except SignInError as error:
            self._note(error)
            raise
        return self._last

    def _ask(self, row: Connection, refused: str | None) -> Token:
        app = ProviderApp.objects.get(pk=row.provider_app_id)
        by: dict[str, Any] = {
            "base_url": row.base_url,
            "client_id": app.client_id,
            "client_secret": app.secret,
            "sandbox": self._sandbox,
        }
        try:
            if row.grant != Connection.Grant.AUTHORIZATION_CODE:
                return client_credentials(self._http, **by)
            if row.refresh_token:
                return refreshed(self._http, refresh_token=row.refresh_token, **by)
            # Such a token holds until the app is removed or its owner takes it back; only a person can give another.
            raise SignInError(REFUSED, "the store no longer accepts the app's token; connect the store again")
        except SignInError as error:
            old = Token(row.access_token, row.expires_at, tuple(row.scopes), row.refresh_token, row.refresh_expires_at)
            if row.access_token and row.access_token != refused and old.usable(timezone.now()):
                return old
            if row.refresh_token and error.code not in {"UNREACHABLE", REFUSED}:
                raise SignInError(
                    REFUSED, "the store no longer renews the app's token; connect the store again", error.http_status
                ) from error
            raise

    def _row(self, *, lock: bool) -> Connection:
        rows = Connection.objects.select_for_update() if lock else Connection.objects
        row = rows.filter(pk=self._id).first()
        if row is None or row.status == "DISCONNECTED":
            raise NotConnected("the app was uninstalled from the store; connect it again")
        return row

    def _note(self, error: SignInError) -> None:
        """What the Shopify page shows until a token is got again."""
        if error.code != "UNREACHABLE":
            with shop_context(self._shop_id):
                Connection.objects.filter(pk=self._id, status="CONNECTED").update(
                    status="REFUSED", status_reason=_reason(error)[:500]
                )


def _reason(error: SignInError) -> str:
    """A sentence where it is ours, else with Shopify's word for it."""
    return f"{error.message[:1].upper()}{error.message[1:]}." if error.code == REFUSED else str(error)


def save_token(row: Connection, token: Token) -> None:
    """Keep a token, encrypted; the caller's transaction holds the row."""
    row.access_token, row.expires_at, row.scopes = token.access_token, token.expires_at, list(token.scopes)
    row.refresh_token, row.refresh_expires_at = token.refresh_token, token.refresh_expires_at
    row.status, row.status_reason = "CONNECTED", ""
    row.save(
        update_fields=[
            "access_token", "expires_at", "scopes", "refresh_token", "refresh_expires_at", "status", "status_reason",
        ]
    )  # fmt: skip


def _lasts(row: Connection) -> bool:
    ahead = AHEAD_OF_AN_HOUR if row.refresh_token else AHEAD
    return bool(row.access_token) and (row.expires_at is None or row.expires_at - timezone.now() > ahead)


@dataclass(frozen=True, slots=True)
class Store:
    """What speaking to one store takes."""

    shop_id: int
    sandbox: bool
    graphql: GraphQL
    http: httpx.Client


@contextmanager
def open_store(shop_id: int) -> Iterator[Store]:
    """The store of a shop. Not inside a transaction that others wait for: it speaks to the world.

    Raises :class:`NotConnected`; calls raise :class:`.client.ShopifyError` and :class:`.signin.SignInError`.
    """
    with shop_context(shop_id):
        shop = Shop.objects.get(pk=shop_id)
        row = Connection.objects.order_by("id").first()
    if row is None or shop.status != Shop.Status.ACTIVE:
        raise NotConnected("the shop is not connected to a Shopify store")
    # A proxy of the environment is for the world, not for this machine.
    with httpx.Client(timeout=TIMEOUT, trust_env=not shop.is_sandbox) as http:
        tokens = ConnectionTokens(shop_id, row.pk, http, sandbox=shop.is_sandbox)
        yield Store(shop_id, shop.is_sandbox, GraphQL(row.base_url, tokens, sandbox=shop.is_sandbox, http=http), http)
