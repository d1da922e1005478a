"""Bearer tokens of the REST API. The plain token is shown once; the database keeps its SHA-256."""

from __future__ import annotations

import hashlib
import secrets

from django.utils import timezone

from .models import ApiToken
from .roles import PERMISSIONS, Role
from .tenancy import current_shop_id

PREFIX = "sayso_"
"""So that a leaked token is recognised by those who scan for them."""


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def create(name: str, role: Role | str) -> tuple[ApiToken, str]:
    """A token of the current shop with the scopes of ``role``, and its plain text, which nobody can read again."""
    plain = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        shop_id=current_shop_id(), name=name, digest=digest(plain), scopes=sorted(PERMISSIONS[role])
    )
    return token, plain


def revoke(token_id: int) -> bool:
    """Make a token of the current shop useless from now on; False where there is no such live token."""
    live = ApiToken.objects.filter(pk=token_id, revoked_at__isnull=True)
    return live.update(revoked_at=timezone.now()) > 0
