"""One shop at a time: the context that row-level security reads, and the base of every tenant table.

The application's database role sees a row only where ``shop_id`` equals the transaction's ``sayso.shop_id`` setting.
Without a setting it sees nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, models, transaction


@contextmanager
def shop_context(shop_id: int) -> Iterator[None]:
    """Run the block in one transaction that sees exactly one shop.

    The setting is local to the transaction, so a pooled connection never carries a shop over to its next user.
    """
    with transaction.atomic():
        enter_shop(shop_id)
        yield


def enter_shop(shop_id: int) -> None:
    """Make the running transaction see one shop; raises RuntimeError outside a transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("enter_shop needs a transaction: use shop_context")
    with connection.cursor() as cursor:
        cursor.execute("select set_config('sayso.shop_id', %s, true)", [str(shop_id)])


def current_shop_id() -> int:
    """The shop of the running transaction; raises RuntimeError where none was entered."""
    with connection.cursor() as cursor:
        cursor.execute("select nullif(current_setting('sayso.shop_id', true), '')::bigint")
        (shop_id,) = cursor.fetchone()
    if shop_id is None:
        raise RuntimeError("no shop in this transaction: use shop_context")
    return shop_id


class TenantModel(models.Model):
    """A table with ``shop_id``; gets row-level security and the privileges named in ``app_may``.

    Django sees ``id`` as the primary key; the migration makes ``(shop_id, id)`` the real one, see
    :func:`sayso.shops.keys.tenant_keys`. ``shop_id`` carries no foreign key: the policy already ties every row to a
    shop, and the check would cost 4 µs a row on the import path.
    """

    app_may = "SELECT, INSERT, UPDATE, DELETE"
    """What the application's role may do with the whole table; guarded tables narrow it."""

    shop_id = models.BigIntegerField()

    class Meta:
        abstract = True
