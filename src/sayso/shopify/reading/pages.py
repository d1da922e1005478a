"""Reading a connection page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..connection.tokens import Store
from ..values import mapping, mappings, text


def pages(store: Store, document: str, field: str, variables: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The nodes of ``field``, a page at a time; empty pages are left out. Raises what a call to the store raises."""
    after = None
    while True:
        page = mapping(store.graphql.run(document, variables | {"after": after}).get(field))
        nodes = mappings(page.get("nodes"))
        if nodes:
            yield nodes
        info = mapping(page.get("pageInfo"))
        after = text(info.get("endCursor"))
        if not info.get("hasNextPage") or after is None:
            return
