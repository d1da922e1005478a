"""What a resolver may see: one shop through one database connection."""

import sqlite3
from collections.abc import Callable
from typing import Any

from ..database import Database
from ..records import Bulk, Shop


class Scope:
    """Reading access to one shop, for one request or one bulk run.

    It offers `one` and `all` like Database, so that the functions of `store` take either.
    `saved` counts objects that a connection asked for but did not have: the actual cost is lower
    than the requested one by that much. `warnings` are those of the search syntax.
    """

    def __init__(self, connection: sqlite3.Connection, shop: Shop, base: str, version: str, acts: Any = None) -> None:
        self.connection, self.shop, self.base, self.version = connection, shop, base, version
        self.acts = acts
        self.saved = 0
        self.warnings: list[dict[str, Any]] = []

    @classmethod
    def over(cls, db: Database, shop: Shop, base: str, version: str, acts: Any = None) -> "Scope":
        """A scope on the serving connection."""
        return cls(db.connection, shop, base, version, acts)

    def all(self, sql: str, *values: Any) -> list[Any]:
        """All rows."""
        return self.connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Any:
        """The first row or None."""
        return self.connection.execute(sql, values).fetchone()

    def bulk_url(self, bulk: Bulk) -> str | None:
        """Where the result of a bulk operation is downloaded; None where it is empty or unfinished."""
        if bulk.status != "COMPLETED" or not bulk.objects:
            return None
        signed = self.acts.bulks.links if self.acts else 0
        return f"{self.base}/shopify/{self.shop.domain}/bulk/{bulk.id}.jsonl?signature={signed}"


Resolver = Callable[[Any, Scope], Any]
