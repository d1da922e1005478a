"""Getting an access token from a Shopify store: the client credentials grant, and the authorization code grant.

Sources: Shopify, *Client credentials grant*; *Authorization code grant*. Pure functions over a client of the caller.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from sayso.channels.base_url import check_base_url
from sayso.channels.json import Unreadable, decode, mapping, text

from . import signature

_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")
# A token is given up a minute early, so that none expires on its way.
_MARGIN = timedelta(seconds=60)


class SignInError(Exception):
    """The store gave no token. ``code`` is Shopify's word for why, or ours in capitals."""

    def __init__(self, code: str, message: str, http_status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.http_status = code, message, http_status


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; ``expires_at`` None means it holds as long as the app is installed.

    One that ends within the hour comes with a ``refresh_token``, good for one more such pair until ``refresh_expires_at``.
    """

    access_token: str = field(repr=False)
    expires_at: datetime | None
    scopes: tuple[str, ...]
    refresh_token: str = field(default="", repr=False)
    refresh_expires_at: datetime | None = None

    def usable(self, at: datetime) -> bool:
        """Whether it can still be used at this (aware) moment."""
        return self.expires_at is None or at < self.expires_at - _MARGIN


def shop_domain(given: str) -> str:
    """The permanent domain of a store, from what a person typed or a redirect carries: lower case, ``*.myshopify.com``.

    Raises :class:`SignInError` (``BAD_DOMAIN``): anything else could send our client secret to a stranger.
    """
    domain = given.strip().lower().removeprefix("https://").removesuffix("/")
    if not _DOMAIN.fullmatch(domain):
        raise SignInError("BAD_DOMAIN", f"{given[:100]!r} is not the permanent domain of a store (name.myshopify.com)")
    return domain


def _now() -> datetime:
    return datetime.now(UTC)


def client_credentials(
    http: httpx.Client,
    *,
    base_url: str,
    client_id: str,
    client_secret: str,
    sandbox: bool = False,
    now: Callable[[], datetime] = _now,
) -> Token:
    """A token for an app of the same organisation as the store; it holds 24 hours and is then asked for again.

    Raises :class:`SignInError`.
    """
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    return _ask(http, base_url, form, sandbox, now)


def authorize_url(
    *,
    base_url: str,
    client_id: str,
    scopes: Iterable[str],
    redirect_uri: str,
    state: str,
    sandbox: bool = False,
) -> str:
    """Where to send the merchant. ``state`` is a fresh secret kept in their session, which the callback brings back."""
    query = {"client_id": client_id, "scope": ",".join(scopes), "redirect_uri": redirect_uri, "state": state}
    return f"{check_base_url(base_url, sandbox=sandbox)}/admin/oauth/authorize?{urlencode(query)}"


def callback_code(query: Mapping[str, str], *, secrets: Iterable[str], state: str) -> tuple[str, str]:
    """The store's domain and the code of a genuine callback.

    Raises :class:`SignInError`: ``BAD_STATE`` (not begun by this session), ``BAD_SIGNATURE``, ``BAD_DOMAIN``, or
    Shopify's own word if the merchant declined.
    """
    if not state or not hmac.compare_digest(query.get("state", "").encode(), state.encode()):
        raise SignInError("BAD_STATE", "this sign-in was not begun here, or is over; begin again")
    if not signature.verify_query(query, secrets):
        raise SignInError("BAD_SIGNATURE", "the redirect was not signed by Shopify with this app's secret")
    domain = shop_domain(query.get("shop", ""))
    code = query.get("code", "")
    if not code:
        raise SignInError(query.get("error") or "NO_CODE", query.get("error_description") or "Shopify gave no code")
    return domain, code


def exchange_code(
    http: httpx.Client,
    *,
    base_url: str,
    client_id: str,
    client_secret: str,
    code: str,
    sandbox: bool = False,
    now: Callable[[], datetime] = _now,
) -> Token:
    """The token for the ``code`` of a callback; one that ends and is renewed, where the store gives such to the app
    (Shopify, *Expiring offline access tokens*: from 2027 on the only kind for public apps). Raises :class:`SignInError`.
    """
    form = {"client_id": client_id, "client_secret": client_secret, "code": code, "expiring": "1"}
    return _ask(http, base_url, form, sandbox, now)


def refreshed(
    http: httpx.Client,
    *,
    base_url: str,
    client_id: str,
    client_secret: str,
    refresh_token: str,
    sandbox: bool = False,
    now: Callable[[], datetime] = _now,
) -> Token:
    """A new pair for a refresh token. The old one may be tried again until the new pair is used, so an answer that got
    lost costs nothing. Raises :class:`SignInError`.
    """
    form = {
        "grant_type": "refresh_token",
        "client_id": client_id,
        "client_secret": client_secret,
        "refresh_token": refresh_token,
    }
    return _ask(http, base_url, form, sandbox, now)


def _ask(http: httpx.Client, base_url: str, form: dict[str, str], sandbox: bool, now: Callable[[], datetime]) -> Token:
    url = f"{check_base_url(base_url, sandbox=sandbox)}/admin/oauth/access_token"
    asked_at = now()
    try:
        response = http.post(url, data=form, headers={"Accept": "application/json"}, follow_redirects=False)
    except httpx.HTTPError as error:
        raise SignInError("UNREACHABLE", f"the store did not answer ({type(error).__name__})") from error
    if response.status_code == 429 or response.is_server_error:  # busy or ill: says nothing of our credentials
        status = response.status_code
        raise SignInError("UNREACHABLE", f"the store answered HTTP {status}", status)
    try:
        answer = mapping(decode(response.content))
    except Unreadable:
        answer = {}
    access_token = text(answer.get("access_token"))
    if not response.is_success or access_token is None:
        code = text(answer.get("error")) or "NO_TOKEN"
        message = text(answer.get("error_description")) or f"the store answered HTTP {response.status_code}"
        raise SignInError(code, message, response.status_code)
    return Token(
        access_token,
        _expiry(answer.get("expires_in"), asked_at),
        _scopes(answer.get("scope")),
        text(answer.get("refresh_token")) or "",
        _expiry(answer.get("refresh_token_expires_in"), asked_at),
    )


def _expiry(seconds: Any, asked_at: datetime) -> datetime | None:
    known = isinstance(seconds, int) and not isinstance(seconds, bool)
    return asked_at + timedelta(seconds=seconds) if known else None


def _scopes(given: Any) -> tuple[str, ...]:
    scopes = given.split(",") if isinstance(given, str) else []
    return tuple(scope.strip() for scope in scopes if scope.strip())
