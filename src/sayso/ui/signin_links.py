"""Links that sign somebody in once: for the first visit, from the terminal, without a password.

A link lives fifteen minutes and works once. Opening it only shows a button, so that a mail scanner does not use it up.
"""

from __future__ import annotations

import secrets

from django.core import signing
from django.core.cache import cache
from django.urls import reverse

from sayso.shops.models import User

MAX_AGE = 15 * 60
"""Seconds."""

SALT = "sayso.sign-in"


class LinkRefused(Exception):
    """The link is not ours, has run out, was used, or its account is closed; the message says which."""


def issue(user: User) -> str:
    """The path of a fresh link for ``user``, to be put behind the server's address."""
    token = signing.dumps({"user": user.pk, "nonce": secrets.token_urlsafe(12)}, salt=SALT)
    return reverse("sign_in_link", args=[token])


def inspect(token: str) -> User:
    """Whom the link would sign in; raises LinkRefused. Uses nothing up."""
    return _read(token)[0]


def consume(token: str) -> User:
    """Whom the link signs in; raises LinkRefused, and from now on always does for this token."""
    user, nonce = _read(token)
    # `add` is an INSERT that fails on a second one, so of two simultaneous uses one wins.
    if not cache.add(_key(nonce), 1, timeout=MAX_AGE):
        raise LinkRefused("This link was used already. Links work once.")
    return user


def _key(nonce: str) -> str:
    return f"sign-in-link:{nonce}"


def _read(token: str) -> tuple[User, str]:
    try:
        payload = signing.loads(token, salt=SALT, max_age=MAX_AGE)
    except signing.SignatureExpired:
        raise LinkRefused("This link has run out. Links live fifteen minutes.") from None
    except signing.BadSignature:
        raise LinkRefused("This link is incomplete or was not made here.") from None
    if cache.get(_key(payload["nonce"])):
        raise LinkRefused("This link was used already. Links work once.")
    user = User.objects.filter(pk=payload["user"], is_active=True).first()
    if user is None:
        raise LinkRefused("The account of this link is closed.")
    return user, payload["nonce"]
