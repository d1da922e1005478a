"""Cursor paging, over a table or over a short list."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLError

from .scope import Scope

LARGEST_PAGE = 250


def _refuse(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_REQUEST"})


def _size(args: dict[str, Any], largest: int = LARGEST_PAGE) -> tuple[int, bool]:
    """(page size, from the end?). Raises GraphQLError."""
    first, last = args.get("first"), args.get("last")
    if (first is None) == (last is None):
        raise _refuse("you must provide one of first or last")
    size = int(first if first is not None else last or 0)
    if not 0 <= size <= largest:
        raise _refuse(f"first/last must be between 0 and {largest}")
    return size, last is not None


def _cursor(key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps({"last_id": key[-1], "last_value": key[0]}).encode()).decode()


def _read(cursor: str) -> tuple[Any, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor))
        return found["last_value"], found["last_id"]
    except (ValueError, KeyError, TypeError):
        raise _refuse("Invalid cursor for current pagination sort.") from None


def _connection(nodes: list[Any], keys: list[Any], more: bool, earlier: bool, backwards: bool) -> dict[str, Any]:
    if backwards:
        nodes, keys, more, earlier = nodes[::-1], keys[::-1], earlier, more
    cursors = [_cursor(key) for key in keys]
    return {
        "nodes": nodes,
        "edges": [{"cursor": cursor, "node": node} for cursor, node in zip(cursors, nodes, strict=True)],
        "pageInfo": {
            "hasNextPage": more,
            "hasPreviousPage": earlier,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }


def table(
    scope: Scope,
    name: str,
    sort: str,
    where: str,
    values: list[Any],
    *,
    args: dict[str, Any],
    decode: Callable[[bytes], Any],
    largest: int = LARGEST_PAGE,
) -> dict[str, Any]:
    """A connection over the documents of table `name`, sorted by column `sort`, then by id."""
    size, backwards = _size(args, largest)
    descending = bool(args.get("reverse")) != backwards
    op, direction = ("<", "DESC") if descending else (">", "ASC")
    cursor = args.get("before") if backwards else args.get("after")
    bound: list[Any] = [scope.shop.id, *values]
    if cursor:
        where += f" AND ({sort}, id) {op} (?, ?)"
        bound += _read(cursor)
    rows = scope.all(
        f"SELECT {sort}, id, doc FROM {name} WHERE shop = ? AND {where} "  # noqa: S608 - names are ours, values are bound
        f"ORDER BY {sort} {direction}, id {direction} LIMIT ?",
        *bound,
        size + 1,
    )
    kept = rows[:size]
    scope.saved += size - len(kept)
    return _connection(
        [decode(row[2]) for row in kept], [row[:2] for row in kept], len(rows) > size, bool(cursor), backwards
    )


def listed(
    scope: Scope, items: Sequence[Any], args: dict[str, Any], key: Callable[[Any], Any] = lambda item: item.id
) -> dict[str, Any]:
    """A connection over a short list that is already sorted."""
    size, backwards = _size(args)
    ordered = list(items)[::-1] if bool(args.get("reverse")) != backwards else list(items)
    cursor = args.get("before") if backwards else args.get("after")
    if cursor:
        last = _read(cursor)[1]
        places = [place for place, item in enumerate(ordered) if key(item) == last]
        ordered = ordered[places[0] + 1 :] if places else []
    kept = ordered[:size]
    scope.saved += size - len(kept)
    return _connection(kept, [(key(item), key(item)) for item in kept], len(ordered) > size, bool(cursor), backwards)
