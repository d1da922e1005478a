"""`POST /{version}/{phone_number_id}/messages` and the list of templates.

The send path is plain ASGI: a router and request objects would cost as much as the work itself.
"""

import asyncio
import hmac
from typing import Any

import msgspec

from ..database import encode
from ..settings import Rule
from ..world import Bucket, World
from .errors import Failure
from .people import Crowd, Person, is_us
from .sends import Sends
from .templates import Template, load_templates

_JSON = [(b"content-type", b"application/json")]
_TYPES = {
    "text",
    "template",
    "interactive",
    "image",
    "document",
    "video",
    "audio",
    "sticker",
    "reaction",
    "location",
    "contacts",
}


class Dropped(Exception):
    """The connection is to be closed without an answer."""


class Body(msgspec.Struct):
    """What a send may contain, as far as the sandbox reads it."""

    messaging_product: str | None = None
    recipient_type: str = "individual"
    to: str | None = None
    recipient: str | None = None
    type: str = "text"
    text: dict[str, Any] | None = None
    template: dict[str, Any] | None = None
    interactive: dict[str, Any] | None = None
    biz_opaque_callback_data: str | None = None


_BODY = msgspec.json.Decoder(Body)


class Meta:
    """The Cloud API of all numbers."""

    def __init__(self, world: World, crowd: Crowd, sends: Sends) -> None:
        self.world, self.crowd, self.sends = world, crowd, sends
        self.reload()

    def reload(self) -> None:
        """Read numbers and templates again after they changed."""
        rows = self.world.db.all("SELECT id, waba, token, rate FROM number")
        self.tokens = {row[0]: row[2].encode() for row in rows}
        self.wabas = {row[0]: row[1] for row in rows}
        self.buckets = {row[0]: Bucket(row[3], row[3]) if row[3] > 0 else None for row in rows}
        self.templates = {waba: load_templates(self.world.db, waba) for waba in set(self.wabas.values())}
        self.sends.numbers.clear()

    async def messages(self, scope: Any, receive: Any, send: Any) -> None:
        """One send."""
        raw = b""
        while True:
            event = await receive()
            raw += event.get("body", b"")
            if not event.get("more_body"):
                break
        number = scope["path"].split("/")[3]
        try:
            self._authorise(number, scope["headers"])
            rule, answer = self._take(number, raw)
            status = 200
        except Failure as failure:
            rule, answer, status = None, failure.body(), failure.status
        except Dropped:
            # returning without an answer makes the server close the connection
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
            raise
        if rule and rule.mode == "hang":
            await asyncio.sleep(3600)
        if rule and rule.mode == "drop":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
            raise Dropped
        content = encode(answer)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*_JSON, (b"content-length", str(len(content)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": content})

    def _authorise(self, number: str, headers: list[tuple[bytes, bytes]]) -> None:
        given = next((value for key, value in headers if key == b"authorization"), b"")
        expected = self.tokens.get(number)
        if expected is None:
            if any(hmac.compare_digest(given, b"Bearer " + token) for token in self.tokens.values()):
                raise Failure(100, f"Object with ID '{number}' does not exist")
            raise Failure(190, "Error validating access token")
        if not hmac.compare_digest(given, b"Bearer " + expected):
            raise Failure(190, "Error validating access token")

    def _take(self, number: str, raw: bytes) -> tuple[Rule | None, dict[str, Any]]:
        """Check and accept: (a rule about the answer, the answer)."""
        try:
            body = _BODY.decode(raw)
        except msgspec.DecodeError as error:
            raise Failure(100, f"The body cannot be read: {error}") from None
        if body.messaging_product != "whatsapp":
            raise Failure(100, "The parameter messaging_product is required.")
        if not body.to and not body.recipient:
            raise Failure(131008, "Either the parameter to or the parameter recipient is required.")
        if body.type not in _TYPES:
            raise Failure(131009, f"Unknown message type {body.type}")
        if body.biz_opaque_callback_data is not None and len(body.biz_opaque_callback_data) > 512:
            raise Failure(131009, "biz_opaque_callback_data must not exceed 512 characters")
        person = self._person(body)
        template = self._template(number, body) if body.type == "template" else None
        if body.type == "text" and not (body.text or {}).get("body"):
            raise Failure(131008, "The parameter text['body'] is required.")
        rule = self._rule(person.wa_id)
        if rule and rule.mode == "refuse":
            raise Dropped
        if rule and rule.mode in {"answer", "error"}:
            raise Failure(rule.code if rule.mode == "answer" else 131000, "Refused on request of the control API")
        bucket = self.buckets[number]
        if bucket:
            if bucket.available() < 1:
                raise Failure(130429, "Cloud API message throughput has been reached.")
            bucket.spend(1)
        plan = f"failed:{rule.code}" if rule and rule.mode == "status" else self._plan(body, person, template)
        sent = self.sends.accept(
            number,
            person,
            body.type,
            template=f"{template.name}/{template.language}" if template else None,
            category=template.category if template else None,
            opaque=body.biz_opaque_callback_data,
            plan=plan,
            body=raw,
        )
        who = (
            {"input": body.to, "wa_id": person.wa_id}
            if body.to
            else {"input": body.recipient, "user_id": body.recipient}
        )
        message = {"id": sent.wamid}
        if template:
            message["message_status"] = "accepted"
        return rule, {"messaging_product": "whatsapp", "contacts": [who], "messages": [message]}

    def _person(self, body: Body) -> Person:
        if body.to:
            digits = "".join(sign for sign in body.to if sign.isdecimal())
            if not 7 <= len(digits) <= 15 or not digits.isascii():
                raise Failure(131009, f"Recipient {body.to} is not a valid phone number")
            return self.crowd.get(digits)
        known = self.crowd.by_user_id.get(body.recipient or "")
        if known is None:
            raise Failure(131009, "The recipient is not a known business-scoped user id")
        return known

    def _template(self, number: str, body: Body) -> Template:
        given = body.template or {}
        name, language = given.get("name"), (given.get("language") or {}).get("code")
        if not name or not language:
            raise Failure(131008, "The parameters template['name'] and template['language']['code'] are required.")
        found = self.templates[self.wabas[number]].get((name, language))
        if found is None or found.status in {"REJECTED", "PENDING"}:
            raise Failure(132001, f"template name ({name}) does not exist in {language}")
        if found.status == "PAUSED":
            raise Failure(132015, f"template ({name}) is paused")
        if found.status == "DISABLED":
            raise Failure(132016, f"template ({name}) is disabled")
        count = sum(
            len(part.get("parameters") or ())
            for part in given.get("components") or ()
            if str(part.get("type")).lower() == "body"
        )
        if count != found.variables:
            raise Failure(
                132000,
                f"body: number of localizable_params ({count}) does not match the expected number of params "
                f"({found.variables})",
            )
        return found

    def _rule(self, recipient: str) -> Rule | None:
        for rule in self.world.settings.rules:
            if rule.to in (None, recipient) and rule.times != 0:
                if rule.times is not None:
                    rule.times -= 1
                return rule
        return None

    def _plan(self, body: Body, person: Person, template: Template | None) -> str:
        """The statuses to come: `sent,delivered,read` or `failed:CODE`."""
        moods = self.world.settings.moods
        marketing = template is not None and template.category == "MARKETING"
        if template is None and not self.crowd.in_window(person):
            return "failed:131047"
        if marketing and person.stopped:
            return "failed:131050"
        if person.dice[0] < moods.unreachable:
            return "failed:131026"
        if marketing and (person.dice[1] < moods.capped or (moods.us_marketing_paused and is_us(person.wa_id))):
            return "failed:131049"
        return "sent,delivered,read" if person.dice[2] < moods.read else "sent,delivered"

    def list_templates(self, waba: str, token: str, limit: int, after: str | None) -> dict[str, Any]:
        """`GET /{waba}/message_templates`, `limit` at a time. Raises Failure."""
        owned = {self.tokens[number].decode() for number, owner in self.wabas.items() if owner == waba}
        if token not in owned:
            raise Failure(190, "Error validating access token")
        rows = list(self.templates[waba].values())
        start = int(after) if after and after.isdecimal() else 0
        page = rows[start : start + limit]
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(start + len(page))}}
        if start + limit < len(rows):
            paging["next"] = (
                f"{self.world.base}/meta/v26.0/{waba}/message_templates?limit={limit}&after={start + limit}"
            )
        return {"data": [msgspec.to_builtins(row) for row in page], "paging": paging}
