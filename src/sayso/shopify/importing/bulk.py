"""The result of a bulk operation, read as a stream: one object in memory, whatever the size of the file.

Kept in a list, decoded objects make the cyclic garbage collector look at all of them again and again: 657,000 lines/s
become 101,000. So nothing here collects; who reads it applies a chunk and forgets it.

Source: Shopify, *Perform bulk operations*: JSON lines, children after their parent with ``__parentId``. Operations
whose query holds a connection must be run with ``groupObjects: true``, which puts children right after their parent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx
import msgspec

from sayso.channels.base_url import check_base_url
from sayso.channels.json import Unreadable, decode

ATTEMPTS = 6
_LONGEST_LINE = 32 << 20
# The key with its quotes and colon. Inside a text the quotes would be escaped, so this finds the key alone.
_CHILD = b'"__parentId":'
_NUL = b"\\u0000"

T = TypeVar("T")


class BulkError(Exception):
    """The file cannot be read: cut off for good, or not grouped."""


class LinkExpired(BulkError):
    """The link to the file is no longer good (they hold seven days); the store gives another one when asked."""


@dataclass(slots=True)
class Root(Generic[T]):
    """A line without parent, with the lines that belong to it, as decoded."""

    node: T
    children: list[Any] = field(default_factory=list)


class Unread(Root[Any]):
    """A root whose line is not what it should be. Whoever reads its node gets the reason as a ValueError, so that it
    counts as one that cannot be read; whoever wants to tell of it asks ``bad``."""

    __slots__ = ("bad",)

    def __init__(self, bad: BadLine) -> None:
        self.bad, self.children = bad, []

    @property
    def node(self) -> Any:
        raise ValueError(self.bad.reason)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not what it should be; the import counts it and goes on."""

    line: bytes
    reason: str


class _Parent(msgspec.Struct):
    id: str | None = None
    parent: str | None = msgspec.field(name="__parentId", default=None)


_parent = msgspec.json.Decoder(_Parent).decode


def lines(
    http: httpx.Client,
    url: str,
    *,
    offset: int = 0,
    sandbox: bool = False,
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[int, bytes]]:
    """The lines of the file from ``offset``, which must be the start of a line, each with the offset of its end.

    A broken connection is taken up again where the last whole line ended, up to ``attempts`` times without progress.
    Raises :class:`BulkError`.
    """
    check_base_url(_origin(url), sandbox=sandbox)
    done, failures = offset, 0
    while True:
        try:
            for end, line in _read(http, url, done):
                done, failures = end, 0
                yield end, line
            return
        except (httpx.TransportError, _TryAgain) as error:
            failures += 1
            if failures >= attempts:
                raise BulkError(f"the file broke off at byte {done}: {error!r}") from error
            sleep(min(0.5 * 2**failures, 30.0))


class _TryAgain(Exception):
    """The store of the file is busy or ill."""


def _read(http: httpx.Client, url: str, offset: int) -> Iterator[tuple[int, bytes]]:
    # Offsets count the bytes of the file, so it must not come compressed.
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={offset}-"}
    with http.stream("GET", url, headers=headers) as response:
        if response.status_code == 416:  # nothing after the offset: the file ends there
            return
        if response.status_code == 429 or response.is_server_error:
            raise _TryAgain(f"HTTP {response.status_code}")
        if response.status_code in {400, 401, 403, 404, 410}:  # Cloud Storage says 400 ExpiredToken or 403, then 404
            raise LinkExpired(f"the file cannot be read: HTTP {response.status_code}; its link may have expired")
        if response.status_code not in {200, 206}:
            raise BulkError(f"the file cannot be read: HTTP {response.status_code}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise BulkError("the store of the file sent it compressed although we asked for plain bytes")
        start = _start(response)
        # As it comes from the socket: what a larger buffer still held would be lost with the connection.
        yield from _split(response.iter_raw(), offset, skip=offset - start)


def _start(response: httpx.Response) -> int:
    """Which byte of the file the answer begins with: servers may leave a range out of account."""
    if response.status_code == 200:
        return 0
    unit, _, range_ = response.headers.get("content-range", "").partition(" ")
    first = range_.partition("-")[0]
    if unit != "bytes" or not first.isdigit():
        raise BulkError(f"the store of the file gave a part without saying which: {range_!r}")
    return int(first)


def _split(chunks: Iterator[bytes], offset: int, skip: int) -> Iterator[tuple[int, bytes]]:
    if skip < 0:
        raise BulkError("the store of the file gave a later part than the one asked for")
    rest = b""
    for chunk in chunks:
        if skip:
            taken = min(skip, len(chunk))
            chunk, skip = chunk[taken:], skip - taken  # noqa: PLW2901
        parts = chunk.split(b"\n")
        parts[0] = rest + parts[0]
        rest = parts.pop()
        if len(rest) > _LONGEST_LINE:
            raise BulkError(f"a line longer than {_LONGEST_LINE} bytes at byte {offset}")
        for line in parts:
            offset += len(line) + 1
            if line:
                yield offset, line
    if rest:
        yield offset + len(rest), rest


def objects(
    found: Iterator[tuple[int, bytes]], decode_root: Callable[[bytes], T], decode_child: Callable[[bytes], Any] = decode
) -> Iterator[tuple[int, Root[T]]]:
    """Root objects with their children, each with the offset at which the next one begins.

    An import may be taken up again at any of these offsets. The decoders are those of :mod:`..types`, or plain JSON.
    What they refuse comes out as :class:`Unread`, or as :class:`BadLine` among the children. Raises :class:`BulkError`
    for a child away from its parent.
    """
    current: Root[T] | None = None
    end = 0
    for line_end, raw in found:
        line = _mended(raw) if _NUL in raw else raw
        if _CHILD not in line:
            if current is not None:
                yield end, current
            try:
                current = Root(_decoded(line, decode_root))
            except (msgspec.MsgspecError, ValueError) as error:
                current = Unread(BadLine(raw, str(error)))
        elif current is None:
            raise BulkError(f"the file begins with a child at byte {line_end - len(raw)}")
        elif not isinstance(current, Unread):  # the children of a line that cannot be read have no use
            current.children.append(_child(line, raw, current.node, decode_child))
        end = line_end
    if current is not None:
        yield end, current


def _child(line: bytes, raw: bytes, root: Any, decode_child: Callable[[bytes], Any]) -> Any:
    try:
        parent = _parent(line).parent
        node = _decoded(line, decode_child)
    except (msgspec.MsgspecError, ValueError) as error:
        return BadLine(raw, str(error))
    if parent != _id(root):
        raise BulkError(f"a child of {parent} stands after {_id(root)}: the operation must run with groupObjects")
    return node


def _decoded(line: bytes, decoder: Callable[[bytes], T]) -> T:
    try:
        return decoder(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        mended = _mended(line)  # lone surrogates: one bad emoji must not lose a customer
        if mended == line:
            raise
        return decoder(mended)


def _id(node: Any) -> str | None:
    found = node.get("id") if isinstance(node, dict) else node.id
    return found if isinstance(found, str) else None


def _mended(line: bytes) -> bytes:
    """The line without what the database refuses in text: U+0000 and lone surrogates."""
    try:
        return msgspec.json.encode(decode(line))
    except Unreadable:
        return line


def _origin(url: str) -> str:
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.netloc.decode()}"
