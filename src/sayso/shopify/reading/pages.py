"""Reading a connection page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from ..connection.client import ShopifyError
from ..connection.tokens import Store
from ..values import mapping, mappings, moment, text

FARTHEST = 10_000
"""Behind 25,000 things of one search Shopify gives no more pages (*Pagination*), so before that another one begins."""

Node = dict[str, Any]


def page_of(store: Store, document: str, field: str, variables: dict[str, Any]) -> tuple[list[Node], str | None]:
    """The nodes of one page of ``field``, and the cursor of the next one. Raises what a call to the store and
    :func:`read_page` raise."""
    return read_page(field, store.graphql.run(document, variables).get(field))


def read_page(field: str, answer: Any) -> tuple[list[Node], str | None]:
    """The nodes (or edges) of the page in an answer, and the cursor of the next one. Raises :class:`ShopifyError`
    (BAD_ANSWER) where there is no page, or no way to the next one: what an answer lacks is not what the store lacks."""
    page = mapping(answer)
    nodes, info = page.get("nodes", page.get("edges")), mapping(page.get("pageInfo"))
    after = text(info.get("endCursor")) if info.get("hasNextPage") else None
    if not isinstance(nodes, list) or (info.get("hasNextPage") and after is None):
        raise ShopifyError("BAD_ANSWER", f"the store answered without a whole page of {field}")
    return mappings(nodes), after


def pages(store: Store, document: str, field: str, variables: dict[str, Any]) -> Iterator[list[Node]]:
    """The nodes of ``field``, a page at a time; empty pages are left out. Raises as :func:`page_of` does."""
    after = None
    while True:
        nodes, after = page_of(store, document, field, variables | {"after": after})
        if nodes:
            yield nodes
        if after is None:
            return


def search_time(at: datetime) -> str:
    """A moment as the store's search takes it."""
    return f"'{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"


def begin_again_at(nodes: Sequence[Node], since: datetime) -> datetime | None:
    """Where another search by ``updated_at`` may begin after this page of one that began at ``since``; None where all was
    changed in one second. What was changed at that moment is read once more, so that nothing is passed over."""
    last = moment(nodes[-1].get("updatedAt")) if nodes else None
    return last if last is not None and last.replace(microsecond=0) > since.replace(microsecond=0) else None


def changed(
    store: Store, document: str, field: str, variables: dict[str, Any], since: datetime
) -> Iterator[list[Node]]:
    """The nodes of ``field`` that changed since a moment, oldest change first, however many. Raises as :func:`page_of` does."""
    while True:
        query = f"updated_at:>={search_time(since)}"
        read, following = 0, None
        for nodes in pages(store, document, field, variables | {"query": query}):
            yield nodes
            read += len(nodes)
            if read >= FARTHEST and (following := begin_again_at(nodes, since)):
                break
        if following is None:
            return
        since = following
