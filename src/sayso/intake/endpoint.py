"""The webhook endpoint: check the signature over the raw bytes, store, answer. A raw ASGI application.

It stands in front of Django because it must stay quick when pages are slow, and knows nothing of what a payload means.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl

from .batcher import Batcher, Refused, Unstorable
from .credentials import AT_MOST_EVERY, Credentials, CredentialsUnknown
from .metrics import ACKNOWLEDGE, ANSWERS
from .providers import Provider, find

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX = "/webhooks/"
LARGEST_BODY = 3 * 2**20  # bytes; what Meta promises not to exceed (platforms §4.3)
LARGEST_TOTAL = 256 * 2**20  # bytes of bodies being read at once, before anybody has proved who they are
RETRY_AFTER = b"5"  # seconds

_count = lru_cache(ANSWERS.labels)  # looking a counter up by its labels costs more than counting

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


def _answer(status: int, title: str, *headers: tuple[bytes, bytes]) -> Answer:
    body = json.dumps({"title": title, "status": status}).encode()
    kind = b"application/json" if status < 400 else b"application/problem+json"  # RFC 9457
    return status, [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *headers], body


# Without a body: the server writes head and body apart, and each is a system call.
STORED: Answer = (200, [(b"content-length", b"0")], b"")
UNSIGNED = _answer(401, "The signature is missing or wrong")
FORBIDDEN = _answer(403, "The verify token is not ours")
NOT_FOUND = _answer(404, "No such provider")
POST_ONLY = _answer(405, "Deliveries are posted", (b"allow", b"POST"))
GET_OR_POST = _answer(405, "Deliveries are posted", (b"allow", b"GET, POST"))
# The rest of the body is not read, so the connection cannot be used again.
TOO_LARGE = _answer(413, "A delivery has at most 3 MB", (b"connection", b"close"))
UNSTORABLE = _answer(500, "The delivery could not be stored")
LATER = _answer(503, "Not stored, try again", (b"retry-after", RETRY_AFTER))
LATER_UNREAD = _answer(503, "Not read, try again", (b"retry-after", RETRY_AFTER), (b"connection", b"close"))


class _TooLarge(Exception):
    pass


class _TooMany(Exception):
    pass


class _Gone(Exception):
    """The client hung up."""


class Endpoint:
    """Everything below ``/webhooks/``. Start and stop it with the server."""

    def __init__(self) -> None:
        self.batcher = Batcher()
        self.credentials = Credentials()
        self._reading = 0

    async def start(self) -> None:
        self.batcher.start()
        await self.credentials.start()

    async def stop(self) -> None:
        await self.credentials.stop()
        await self.batcher.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        provider = find(scope["path"].removeprefix(PREFIX))
        try:
            if provider is None:
                answer = NOT_FOUND
            elif scope["method"] == "POST":
                answer = await self._deliver(provider, scope, receive)
            elif provider.challenge is None:
                answer = POST_ONLY
            elif scope["method"] == "GET":
                answer = await self._challenge(provider, scope)
            else:
                answer = GET_OR_POST
        except _Gone:
            return
        status, headers, body = answer
        _count(provider.name if provider else "none", status).inc()
        try:
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        except RuntimeError:
            # uvloop's word for a client that hung up while its delivery was stored; it will deliver again.
            log.debug("nobody waited for the answer")

    async def _deliver(self, provider: Provider, scope: Scope, receive: Receive) -> Answer:
        headers = dict(scope["headers"])
        try:
            body = await self._read(headers, receive)
        except _TooLarge:
            return TOO_LARGE
        except _TooMany:
            return LATER_UNREAD
        started = perf_counter()
        try:
            signers = await self._signers(provider, headers, body)
            if not signers:
                return UNSIGNED
            await self.batcher.store(provider.name, provider.describe(headers, body), body, signers)
        except (Refused, CredentialsUnknown):
            return LATER
        except Unstorable:
            return UNSTORABLE
        ACKNOWLEDGE.observe(perf_counter() - started)
        return STORED

    async def _signers(self, provider: Provider, headers: dict[bytes, bytes], body: bytes) -> frozenset[int]:
        """The apps with whose secret it is signed; none may mean a secret, or a shop, newer than what we know."""
        domain = provider.shop_domain(headers)

        def signers() -> frozenset[int]:
            secrets = self.credentials.secrets(provider.name, domain)
            matches = [apps for secret, apps in secrets.items() if provider.verify(headers, body, secret)]
            return frozenset().union(*matches)

        try:
            if (not domain or self.credentials.knows(provider.name, domain)) and (found := signers()):
                return found
        except CredentialsUnknown:
            pass
        await self.credentials.refresh(AT_MOST_EVERY)
        return signers()

    async def _read(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The whole body. Raises _TooLarge as soon as that is known, from the length announced or from the stream."""
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > LARGEST_BODY:
            raise _TooLarge
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            if len(body) > LARGEST_BODY:
                raise _TooLarge
            return body
        return await self._read_on(bytearray(body), receive)

    async def _read_on(self, body: bytearray, receive: Receive) -> bytes:
        counted = 0
        try:
            while True:
                self._reading += len(body) - counted
                counted = len(body)
                if counted > LARGEST_BODY:
                    raise _TooLarge
                if self._reading > LARGEST_TOTAL:
                    raise _TooMany
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                body += message.get("body", b"")
                if not message.get("more_body"):
                    if len(body) > LARGEST_BODY:
                        raise _TooLarge
                    return bytes(body)
        finally:
            self._reading -= counted

    async def _challenge(self, provider: Provider, scope: Scope) -> Answer:
        assert provider.challenge is not None
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        try:
            answer = provider.challenge(query, self.credentials.tokens(provider.name))
            if answer is None and await self.credentials.refresh(AT_MOST_EVERY):
                answer = provider.challenge(query, self.credentials.tokens(provider.name))
        except CredentialsUnknown:
            await self.credentials.refresh(AT_MOST_EVERY)
            return LATER
        if answer is None:
            return FORBIDDEN
        body = answer.encode()
        return 200, [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())], body
