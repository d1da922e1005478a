"""Connecting a store by its owner's permission: the authorization code grant, across two visits of one browser.

What was typed waits in the session, encrypted, under a state that is used once; the address to which the browser goes
holds no secret. Source: Shopify, *Authorization code grant*.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from cryptography.fernet import InvalidToken
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner

from sayso.shops.fields import cipher
from sayso.shops.models import Shop

from ..models import Connection
from . import connect
from .connect import ConnectError
from .scopes import NAMES
from .signin import SignInError, Token, authorize_url, callback_code, exchange_code, shop_domain

SCOPES = NAMES
"""What the app in Shopify needs to be allowed; without one, exactly its features stay off (features §8.1)."""

PATIENCE = timedelta(minutes=15)
"""How long the owner may take to say yes."""

_KEY = "shopify_permission"
_SIGNER = TimestampSigner(salt="sayso shopify permission")


@dataclass(frozen=True, slots=True)
class Asked:
    """A permission that was asked for and not given yet."""

    domain: str
    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    state: str
    sandbox: bool

    @property
    def url(self) -> str:
        """Where the store's owner says yes."""
        return authorize_url(
            base_url=self.base_url,
            client_id=self.client_id,
            scopes=SCOPES,
            redirect_uri=self.redirect_uri,
            state=self.state,
            sandbox=self.sandbox,
        )


def begin(
    session: MutableMapping[str, Any],
    domain: str,
    client_id: str,
    client_secret: str,
    *,
    redirect_uri: str,
    base_url: str | None = None,
    sandbox: bool = False,
) -> Asked:
    """Remember in this session what is asked for; an earlier question is forgotten. Raises :class:`ConnectError`."""
    with connect.in_a_sentence():
        domain = shop_domain(domain)
        base = connect.store_address(domain, base_url, sandbox=sandbox)
    state = _SIGNER.sign(secrets.token_urlsafe(24))
    asked = Asked(domain, base, client_id, client_secret, redirect_uri, state, sandbox)
    session[_KEY] = cipher().encrypt(json.dumps(asdict(asked)).encode()).decode()
    return asked


def asked_in(session: Mapping[str, Any]) -> Asked | None:
    """What this session asked for; None if nothing, or if the key or the release changed since."""
    try:
        return Asked(**json.loads(cipher().decrypt(session[_KEY].encode())))
    except (KeyError, InvalidToken, TypeError):
        return None


def finish(session: MutableMapping[str, Any], query: Mapping[str, str]) -> Shop:
    """Connect the store that redirected here with ``query`` (decoded), if this session asked for it.

    The state is used up by the first answer that bears it, good or bad; an answer with another leaves it alone. Nothing
    is kept before the store gave a token and said who it is. Raises :class:`ConnectError`.
    """
    asked = asked_in(session)
    with connect.in_a_sentence():
        if asked is None:
            raise SignInError("BAD_STATE", "nothing was asked for in this session")
        try:
            domain, code = callback_code(query, secrets=[asked.client_secret], state=asked.state)
        except SignInError as error:
            if error.code != "BAD_STATE":
                session.pop(_KEY)
            raise
        session.pop(_KEY)
        _check(asked, domain)

        def ask(http: httpx.Client) -> Token:
            return exchange_code(
                http,
                base_url=asked.base_url,
                client_id=asked.client_id,
                client_secret=asked.client_secret,
                code=code,
                sandbox=asked.sandbox,
            )

        token, about = connect.introduce(asked.base_url, domain, ask, sandbox=asked.sandbox)
    return connect.keep(
        domain, asked.base_url, asked.client_id, asked.client_secret, token, about,
        grant=Connection.Grant.AUTHORIZATION_CODE, sandbox=asked.sandbox,
    )  # fmt: skip


def _check(asked: Asked, domain: str) -> None:
    try:
        _SIGNER.unsign(asked.state, max_age=PATIENCE)
    except SignatureExpired as error:
        raise ConnectError(f"The permission took longer than {PATIENCE.seconds // 60} minutes; begin again.") from error
    except BadSignature as error:
        raise SignInError("BAD_STATE", "the state is not ours") from error
    if domain != asked.domain:
        raise ConnectError(f"{domain} answered, but {asked.domain} was asked; begin again with the right store.")
