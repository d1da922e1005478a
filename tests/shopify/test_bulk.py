import json
import tracemalloc

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.channels.base_url import ForbiddenAddress
from sayso.shopify import types
from sayso.shopify.importing import bulk

URL = "https://storage.googleapis.com/bulk/1?signature=x"


def lines_of(*documents: dict) -> bytes:
    return b"".join(json.dumps(document, separators=(",", ":")).encode() + b"\n" for document in documents)


class File:
    """A store of one file that knows ranges, and breaks off after so many bytes of each answer if told to."""

    def __init__(self, content: bytes, *, chunk: int = 7, break_after: list[int] | None = None, ranges: bool = True):
        self.content, self.chunk, self.ranges = content, chunk, ranges
        self.break_after, self.asked = list(break_after or []), []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        start = int(request.headers["range"].removeprefix("bytes=").partition("-")[0])
        assert request.headers["accept-encoding"] == "identity"
        self.asked.append(start)
        limit = self.break_after.pop(0) if self.break_after else None
        if not self.ranges:
            return httpx.Response(200, stream=Stream(self.content, self.chunk, limit))
        if start >= len(self.content):
            return httpx.Response(416)
        headers = {"Content-Range": f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"}
        return httpx.Response(206, headers=headers, stream=Stream(self.content[start:], self.chunk, limit))


class Stream(httpx.SyncByteStream):
    def __init__(self, content: bytes, chunk: int, limit: int | None) -> None:
        self.content, self.chunk, self.limit = content, chunk, limit

    def __iter__(self):
        end = len(self.content) if self.limit is None else self.limit
        for at in range(0, end, self.chunk):
            yield self.content[at : min(at + self.chunk, end)]
        if self.limit is not None:
            raise httpx.RemoteProtocolError("peer closed connection")


def client(handler) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(handler))


def read(file, **options) -> list[tuple[int, bytes]]:
    with client(file) as http:
        return list(bulk.lines(http, URL, sleep=lambda seconds: None, **options))


CONTENT = lines_of({"id": "a"}, {"id": "bb", "text": "ü"}, {"id": "ccc"})


def test_lines_and_where_they_end():
    found = read(File(CONTENT))
    assert b"\n".join(line for _, line in found) + b"\n" == CONTENT
    for end, line in found:
        assert CONTENT[:end].endswith(line + b"\n")


@pytest.mark.parametrize(
    "content", [CONTENT, CONTENT.rstrip(b"\n"), b"\n" + CONTENT.replace(b"\n", b"\n\n"), b"", b"\n"]
)
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_reading_on_from_any_line_gives_the_rest(content, chunk):
    whole = read(File(content, chunk=chunk))
    for position, (end, _) in enumerate(whole):
        assert read(File(content, chunk=chunk), offset=end) == whole[position + 1 :]


def test_a_store_that_leaves_the_range_out_of_account():
    whole = read(File(CONTENT))
    assert read(File(CONTENT, ranges=False), offset=whole[0][0]) == whole[1:]


def test_a_broken_connection_is_taken_up_where_the_last_whole_line_ended():
    whole = read(File(CONTENT))
    file = File(CONTENT, chunk=3, break_after=[whole[1][0] + 4, 2, 0])
    assert read(file) == whole
    assert file.asked == [0, whole[1][0], whole[1][0], whole[1][0]]


def test_it_gives_up_when_nothing_comes_any_more():
    file = File(CONTENT, break_after=[0] * 9)
    with pytest.raises(bulk.BulkError, match="byte 0"):
        read(file, attempts=3)
    assert len(file.asked) == 3


def test_a_busy_store_is_asked_again_and_a_dead_link_is_not():
    answers = [httpx.Response(503), httpx.Response(429)]
    file = File(CONTENT)
    assert read(lambda request: answers.pop() if answers else file(request)) == read(File(CONTENT))
    with pytest.raises(bulk.BulkError, match="HTTP 403"):
        read(lambda request: httpx.Response(403))


@pytest.mark.parametrize("headers", [{}, {"Content-Range": "bytes 5-9/10"}, {"Content-Range": "lines 0-9/10"}])
def test_a_part_that_was_not_asked_for(headers):
    with pytest.raises(bulk.BulkError, match="the store of the file"):
        read(lambda request: httpx.Response(206, headers=headers, content=CONTENT))


def test_a_compressed_file_is_refused():
    with pytest.raises(bulk.BulkError, match="compressed"):
        read(lambda request: httpx.Response(200, headers={"Content-Encoding": "br"}, stream=Stream(b"x", 1, None)))


def test_the_file_lies_where_the_connection_may_go():
    with client(File(CONTENT)) as http:
        with pytest.raises(ForbiddenAddress):
            list(bulk.lines(http, "http://127.0.0.1:9/file"))
        with pytest.raises(ForbiddenAddress):
            list(bulk.lines(http, URL, sandbox=True))
        assert list(bulk.lines(http, "http://127.0.0.1:9/file", sandbox=True)) == read(File(CONTENT))


def objects(content: bytes, decode=json.loads, **options) -> list:
    return list(bulk.objects(iter(read(File(content, chunk=50, **options))), decode))


def test_children_come_with_their_parent():
    content = lines_of(
        {"id": "a"},
        {"id": "a1", "__parentId": "a"},
        {"id": "a2", "__parentId": "a"},
        {"id": "b"},
        {"id": "c", "note": 'says "__parentId": and \\"__parentId\\":'},
        {"id": "c1", "__parentId": "c"},
    )
    found = objects(content)
    assert [(root.node["id"], [child["id"] for child in root.children]) for _, root in found] == [
        ("a", ["a1", "a2"]),
        ("b", []),
        ("c", ["c1"]),
    ]
    for position, (end, _) in enumerate(found):  # each offset is where the next object begins
        rest = [(root.node, root.children) for _, root in objects(content[end:])]
        assert rest == [(root.node, root.children) for _, root in found[position + 1 :]]


def test_a_child_away_from_its_parent():
    content = lines_of({"id": "a"}, {"id": "b"}, {"id": "a1", "__parentId": "a"})
    with pytest.raises(bulk.BulkError, match="groupObjects"):
        objects(content)
    with pytest.raises(bulk.BulkError, match="begins with a child"):
        objects(lines_of({"id": "a1", "__parentId": "a"}))


def test_a_line_that_cannot_be_read_costs_only_itself():
    content = (
        lines_of({"id": "gid://shopify/Customer/1"})
        + b'{"id":"gid://shopify/Customer/2","createdAt":"soon"}\n{broken\n'
        + lines_of({"id": "x1", "__parentId": "broken"}, {"id": "gid://shopify/Customer/3"})
        + b'{"id":5,"__parentId":"gid://shopify/Customer/3"}\n'
    )
    found = [one for _, one in objects(content, types.decode_customer)]
    assert [isinstance(one, bulk.Unread) for one in found] == [False, True, True, False]
    assert "createdAt" in found[1].bad.reason
    assert found[2].bad.line == b"{broken"
    with pytest.raises(ValueError, match="createdAt"):
        _ = found[1].node
    assert found[2].children == []
    assert isinstance(found[3].children[0], bulk.BadLine)


@pytest.mark.parametrize(("written", "read_as"), [(r"a\u0000b", "ab"), (r"a\ud83db", "a?b"), (r"\ud83d\ude00", "😀")])
def test_text_that_the_database_would_refuse_is_mended(written, read_as):
    content = b'{"id":"gid://shopify/Customer/1","firstName":"%s"}\n' % written.encode()
    ((_, root),) = objects(content, types.decode_customer)
    assert root.node.first_name == read_as


def test_a_large_file_needs_little_memory():
    """30 MB pass through in far less: nothing is collected on the way."""
    line = json.dumps({"id": "gid://shopify/Customer/1", "firstName": "x" * 900}).encode() + b"\n"
    content = line * 30_000
    with client(File(content, chunk=1 << 16)) as http:
        tracemalloc.start()
        count = sum(1 for _ in bulk.objects(bulk.lines(http, URL), types.decode_customer))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 30_000
    # The fake file itself is copied once by the range; the rest is a few chunks.
    assert peak < len(content) + (8 << 20)


@given(
    st.lists(st.tuples(st.text(st.characters(exclude_characters="\0"), max_size=5), st.integers(0, 3)), max_size=6),
    st.integers(1, 60),
    st.lists(st.integers(0, 200), max_size=3),
)
def test_whatever_the_chunks_and_breaks_nothing_is_lost_or_doubled(shapes, chunk, breaks):
    documents = []
    for number, (note, children) in enumerate(shapes):
        documents.append({"id": f"r{number}", "note": note})
        documents += [{"id": f"c{number}.{i}", "__parentId": f"r{number}"} for i in range(children)]
    content = lines_of(*documents)
    file = File(content, chunk=chunk, break_after=[min(limit, len(content)) for limit in breaks])
    found = [one for _, root in bulk.objects(iter(read(file)), json.loads) for one in (root.node, *root.children)]
    assert found == documents
