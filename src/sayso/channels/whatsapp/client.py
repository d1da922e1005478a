"""The calls we make to the WhatsApp Cloud API.

There is no idempotency key and no way to ask later whether a message went out. So the one thing a caller must know of a
failed call is whether anything can have left: :class:`NoConnection` says no, :class:`AnswerLost` says perhaps.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from sayso.channels.base_url import check_base_url
from sayso.channels.json import Unreadable, decode, mapping, mappings, text

from .errors import UNKNOWN, Failure, Retry, Rule, failure
from .types import Accepted, MediaMessage, Outgoing, Refused, TextMessage

DEFAULT_VERSION = "v26.0"
TEMPLATE_PAGE = 100

# Raised before a byte of the request is written.
_NOT_CONNECTED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)
_RATE_LIMITED = Rule(Retry.BACKOFF, "CHANNEL_IS_RATE_LIMITED", None, "too many calls")
_NOT_AUTHORISED = Rule(Retry.FIX, "CHANNEL_IS_NOT_CONNECTED", None, "the access token is not accepted")
_BY_HTTP_STATUS = {401: _NOT_AUTHORISED, 403: _NOT_AUTHORISED, 429: _RATE_LIMITED}


class NoConnection(Exception):
    """No connection was made: nothing has left, the message may be tried again."""


class AnswerLost(Exception):
    """The request may have gone out and its answer is not known: the message may have been sent."""


class GraphError(Exception):
    """A call other than a send was refused."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.failure.provider_code}: {refused.failure.title}")
        self.refused = refused


class WhatsApp:
    """One sending connection, on an HTTP client of the caller (see :func:`sayso.channels.http.http_client`)."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        base_url: str,
        token: str,
        version: str = DEFAULT_VERSION,
        sandbox: bool = False,
    ) -> None:
        self._http = http
        self._root = f"{check_base_url(base_url, sandbox=sandbox)}/{version}"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    async def send(self, phone_number_id: str, message: Outgoing) -> Accepted | Refused:
        """Hand one message to Meta.

        Raises :class:`NoConnection` or :class:`AnswerLost`, and ValueError for a message without recipient.
        """
        content = msgspec.json.encode(body(message))
        response = await self._call("POST", f"{self._root}/{phone_number_id}/messages", content)
        answer = _answer(response)
        if response.is_success:
            accepted = _accepted(answer)
            if accepted is None:
                raise AnswerLost(f"HTTP {response.status_code} without a message id")
            return accepted
        if "error" not in answer and response.is_server_error:
            # A gateway gave up; whether Meta's own servers took the message, it does not know either.
            raise AnswerLost(f"HTTP {response.status_code} without an error code")
        return _refused(response, answer)

    async def templates(self, waba_id: str) -> AsyncIterator[dict[str, Any]]:
        """The account's templates as Meta has them, page by page. Raises :class:`GraphError` and as :meth:`send`."""
        query = {"limit": str(TEMPLATE_PAGE)}
        while True:
            response = await self._call("GET", f"{self._root}/{waba_id}/message_templates?{urlencode(query)}")
            answer = _answer(response)
            if not response.is_success:
                raise GraphError(_refused(response, answer))
            page = mappings(answer.get("data"))
            for template in page:
                yield template
            # We build the next address ourselves: the one Meta gives carries the token.
            after = text(mapping(mapping(answer.get("paging")).get("cursors")).get("after"))
            if not page or after is None or after == query.get("after") or "next" not in mapping(answer.get("paging")):
                return
            query["after"] = after

    async def _call(self, method: str, url: str, content: bytes | None = None) -> httpx.Response:
        try:
            return await self._http.request(method, url, content=content, headers=self._headers)
        except _NOT_CONNECTED as error:
            raise NoConnection(repr(error)) from error
        except httpx.HTTPError as error:
            raise AnswerLost(repr(error)) from error


def body(message: Outgoing) -> dict[str, Any]:
    """The JSON of a message. Raises ValueError if it has no recipient."""
    if not message.to and not message.recipient:
        raise ValueError("a message needs a number or a user id to go to")
    document: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    if message.to:
        document["to"] = message.to.lstrip("+")
    if message.recipient:
        document["recipient"] = message.recipient
    if isinstance(message, TextMessage):
        document |= {"type": "text", "text": {"body": message.body, "preview_url": message.preview_url}}
    elif isinstance(message, MediaMessage):
        document |= {"type": message.kind, message.kind: _media(message)}
    else:
        template: dict[str, Any] = {"name": message.name, "language": {"code": message.language}}
        if message.components:
            template["components"] = list(message.components)
        document |= {"type": "template", "template": template}
    reply_to = getattr(message, "reply_to", None)
    if reply_to:
        document["context"] = {"message_id": reply_to}
    if message.callback_data:
        document["biz_opaque_callback_data"] = message.callback_data
    return document


def _media(message: MediaMessage) -> dict[str, str]:
    if bool(message.link) == bool(message.media_id):
        raise ValueError("a media message needs a link or the id of an upload, one of the two")
    media = {"link": message.link, "id": message.media_id, "caption": message.caption, "filename": message.filename}
    return {key: value for key, value in media.items() if value}


def _answer(response: httpx.Response) -> dict[str, Any]:
    try:
        return mapping(decode(response.content))
    except Unreadable:
        return {}


def _accepted(answer: dict[str, Any]) -> Accepted | None:
    messages, contacts = mappings(answer.get("messages")), mappings(answer.get("contacts"))
    message_id = text(messages[0].get("id")) if messages else None
    if message_id is None:
        return None
    contact = contacts[0] if contacts else {}
    return Accepted(
        message_id=message_id,
        wa_id=text(contact.get("wa_id")),
        bsuid=text(contact.get("user_id")),
        message_status=text(messages[0].get("message_status")),
    )


def _refused(response: httpx.Response, answer: dict[str, Any]) -> Refused:
    error = answer.get("error")
    if error is None:
        rule = _BY_HTTP_STATUS.get(response.status_code, UNKNOWN)
        told = Failure(None, f"HTTP {response.status_code}", response.text[:500] or None, rule)
    else:
        told = failure(error)
    after = response.headers.get("retry-after", "")
    return Refused(
        failure=told,
        http_status=response.status_code,
        trace_id=text(mapping(error).get("fbtrace_id")),
        retry_after=float(after) if after.isdigit() else None,
    )
