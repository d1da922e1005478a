"""Bearer tokens of the REST API: ``sayso_<shop id>_<secret>``.

The shop stands in the token so that it can be looked up inside that shop alone, under row-level security like everything
else. The plain token is shown once; the database keeps its SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from .models import ApiToken, Shop
from .roles import PERMISSIONS, Role
from .tenancy import current_shop_id, shop_context

PREFIX = "sayso_"
"""So that a leaked token is recognised by those who scan for them."""

TOKEN = re.compile(r"sayso_([1-9][0-9]{0,17})_[A-Za-z0-9_-]{43}")
USED_EVERY = timedelta(minutes=1)
"""``last_used_at`` is written at most this often, so that reading through the API does not become writing."""


def digest(token: str) -> bytes:
    """SHA-256. The secret has 256 random bits, so a slow hash would protect nothing more."""
    return hashlib.sha256(token.encode()).digest()


def create(name: str, role: Role | str) -> tuple[ApiToken, str]:
    """A token of the current shop with the scopes of ``role``, and its plain text, which nobody can read again."""
    shop_id = current_shop_id()
    plain = f"{PREFIX}{shop_id}_{secrets.token_urlsafe(32)}"
    token = ApiToken.objects.create(shop_id=shop_id, name=name, digest=digest(plain), scopes=sorted(PERMISSIONS[role]))
    return token, plain


def authenticate(plain: str) -> tuple[Shop, ApiToken] | None:
    """The shop and the live token behind a plain text; None where there is none. Opens a transaction of its own, so that
    a request that fails later still counts as a use."""
    match = TOKEN.fullmatch(plain)
    if match is None:
        return None
    hashed = digest(plain)
    with shop_context(int(match[1])):
        token = ApiToken.objects.filter(digest=hashed, revoked_at__isnull=True).first()
        if token is None or not hmac.compare_digest(bytes(token.digest), hashed):
            return None
        now = timezone.now()
        if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
            unused = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USED_EVERY)
            ApiToken.objects.filter(unused, pk=token.pk).update(last_used_at=now)
        return Shop.objects.get(pk=token.shop_id), token


def revoke(token_id: int) -> bool:
    """Make a token of the current shop useless from now on; False where there is no such live token."""
    live = ApiToken.objects.filter(pk=token_id, revoked_at__isnull=True)
    return live.update(revoked_at=timezone.now()) > 0
