"""Secrets at rest: encrypted in the database, plain only in memory."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models
from django.db.models import Func


class UndecipherableSecret(Exception):
    """A stored secret cannot be read with any configured key. Put the old ``SAYSO_SECRET_KEY`` among the fallbacks."""


@lru_cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    def derive(key: str) -> Fernet:
        hkdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"sayso credentials")
        return Fernet(base64.urlsafe_b64encode(hkdf.derive(key.encode())))

    return MultiFernet([derive(key) for key in keys])


def cipher() -> MultiFernet:
    """Encrypts with the first key, reads with any: keys are rotated by adding one in front."""
    return _fernet((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


class EncryptedField(models.TextField):
    """A text kept as a Fernet token (AES-128-CBC and HMAC-SHA256), keys derived by HKDF (RFC 5869)."""

    def get_prep_value(self, value: str | None) -> str | None:
        return value and cipher().encrypt(value.encode()).decode()

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        if not value:
            return value
        try:
            return cipher().decrypt(value.encode()).decode()
        except InvalidToken:
            raise UndecipherableSecret(
                "a stored secret does not fit SAYSO_SECRET_KEY; name the key it was written with in"
                " SAYSO_SECRET_KEY_FALLBACKS"
            ) from None


class TransactionIdField(models.Field):
    """The 64-bit id of the transaction that wrote the row (PostgreSQL ``xid8``), filled in by the database."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("db_default", Func(function="pg_current_xact_id"))
        options.setdefault("editable", False)
        super().__init__(**options)

    def db_type(self, connection: Any) -> str:
        return "xid8"
