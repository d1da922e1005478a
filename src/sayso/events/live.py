"""Live streams: tells open pages of a shop what changed, by Server-Sent Events (WHATWG HTML §9.2). A raw ASGI part.

A stream only says "contact 17 changed"; the page fetches again through Django, so rights stay in one place. It ends
with its token, after five minutes at most, and the page comes back with a new one: rights are asked for again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from django.core import signing

from .listen import notifications

log = logging.getLogger(__name__)

CHANNEL = "sayso_live"
SALT = "sayso.live"
MAX_AGE = 5 * 60  # seconds
PING = 15.0  # seconds between signs of life, less than the patience of any proxy
MOST_IDS = 200  # a page that is told of more than that may as well fetch everything
MOST_STREAMS = 2_000  # a process

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def issue(user_id: int, shop_id: int) -> str:
    """A token that opens the stream of one shop for one user, for :data:`MAX_AGE` seconds."""
    return signing.dumps({"user": user_id, "shop": shop_id}, salt=SALT)


def read(token: str) -> tuple[int, float]:
    """The shop of a token and when it ends (seconds since the epoch). Raises django.core.signing.BadSignature."""
    shop_id = int(signing.loads(token, salt=SALT, max_age=MAX_AGE)["shop"])
    signed_at = signing.b62_decode(token.rsplit(":", 2)[1])
    return shop_id, signed_at + MAX_AGE


class _Stream:
    """One open page: what it was not told yet. Changes of the same thing are told once, so this stays small."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.closed = False
        self._pending: dict[str, dict[Any, None] | None] = {}  # kind → ids, None for "many"

    def tell(self, kind: str, ids: list[Any] | None) -> None:
        known = self._pending.setdefault(kind, {})
        if known is not None and ids is not None:
            known.update(dict.fromkeys(ids))
        if known is None or ids is None or len(known) > MOST_IDS:
            self._pending[kind] = None
        self.news.set()

    def close(self, *_: object) -> None:
        self.closed = True
        self.news.set()

    def take(self) -> bytes:
        """Everything pending as events; contacts in one list, of other things an event each."""
        pending, self._pending = self._pending, {}
        self.news.clear()
        if self.closed:
            self.news.set()
        lines: list[str] = []
        for kind, ids in pending.items():
            if ids is None:
                told = ["many"]
            else:
                told = [json.dumps(list(ids))] if kind == "contacts" else [json.dumps(one) for one in ids]
            lines += (f"event: {kind}\ndata: {data}\n\n" for data in told)
        return "".join(lines).encode()


class Live:
    """The streams of one process, fed by one LISTEN connection. Start and stop it with the server."""

    def __init__(self) -> None:
        self._streams: defaultdict[int, set[_Stream]] = defaultdict(set)
        self._count = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._listen(), name="live")

    async def stop(self) -> None:
        self.close()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def close(self) -> None:
        """End all streams: the server goes down, and would wait for them."""
        for streams in self._streams.values():
            for stream in streams:
                stream.close()

    async def _listen(self) -> None:
        async for payload in notifications(CHANNEL, every=60, on_connect=(connects := asyncio.Event()).set):
            if connects.is_set():  # streams that are open already may have missed something
                connects.clear()
                for streams in self._streams.values():
                    for stream in streams:
                        stream.tell("contacts", None)
                        stream.tell("campaign", None)
            if payload is not None:
                self.publish(payload)

    def publish(self, payload: str) -> None:
        """Pass ``{"shop": 1, "contacts": [17, 18] | "many"}`` or ``{"shop": 1, "campaign": 3}`` on to open pages."""
        try:
            news = json.loads(payload)
            streams = self._streams.get(news.pop("shop"), ())
        except (ValueError, KeyError, AttributeError, TypeError):
            log.warning("an announcement on %s cannot be read", CHANNEL)
            return
        for stream in streams:
            for kind, ids in news.items():
                stream.tell(kind, None if ids == "many" else ids if isinstance(ids, list) else [ids])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        try:
            shop_id, ends_at = read(token)
        except (signing.BadSignature, ValueError, KeyError, TypeError):
            await _refuse(send, 403)
            return
        if self._count >= MOST_STREAMS:
            await _refuse(send, 503)
            return
        stream = _Stream()
        hung_up = asyncio.create_task(_until_disconnect(receive))
        hung_up.add_done_callback(stream.close)
        self._streams[shop_id].add(stream)
        self._count += 1
        try:
            await self._serve(stream, ends_at, send)
        finally:
            hung_up.cancel()
            self._count -= 1
            self._streams[shop_id].discard(stream)
            if not self._streams[shop_id]:
                del self._streams[shop_id]

    @staticmethod
    async def _serve(stream: _Stream, ends_at: float, send: Send) -> None:
        headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),  # nginx would hold events back
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b": open\n\n", "more_body": True})
        while not stream.closed and (left := ends_at - time.time()) > 0:
            try:
                async with asyncio.timeout(min(PING, left)):
                    await stream.news.wait()
                chunk = stream.take()
            except TimeoutError:
                chunk = b": ping\n\n"
            if chunk:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
