"""Migration steps that put the shop first in every key of a tenant table."""

from django.db.migrations import RunSQL


def tenant_keys(table: str, *, references: dict[str, str] | None = None, key: str = "id") -> RunSQL:
    """Make ``(shop_id, key)`` the primary key of ``table`` and add composite foreign keys.

    ``references`` maps a column to the tenant table it points to. Every key begins with ``shop_id``, so that a row can
    never point into another shop and the tables can later be distributed by shop.
    """
    statements = [
        f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_pkey"',
        f'ALTER TABLE "{table}" ADD PRIMARY KEY (shop_id, "{key}")',
    ]
    for column, target in (references or {}).items():
        statements.append(
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{column}_fk" FOREIGN KEY (shop_id, "{column}")'
            f' REFERENCES "{target}" (shop_id, id)'
        )
    return RunSQL("; ".join(statements), RunSQL.noop)
