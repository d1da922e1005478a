"""Handing queued messages to the provider, at the pace of each sending number.

One worker holds a number at a time (an advisory lock), so its pace is kept across all workers. It works in slices of at
most 100 ms of that pace: claim (the gate is asked again, under locks), commit, send concurrently, settle. Killed at any
instant it leaves messages QUEUED, which the next worker takes, or SENDING, which become UNCONFIRMED: the provider has no
idempotency key, so nothing that may have left is ever sent again by itself.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections

from sayso.channels.http import http_client
from sayso.channels.whatsapp.client import AnswerLost, NoConnection, WhatsApp
from sayso.channels.whatsapp.components import MissingVariable as MissingParameter
from sayso.channels.whatsapp.components import parameters, render, variables
from sayso.channels.whatsapp.errors import Retry
from sayso.channels.whatsapp.types import Accepted, Outgoing, Refused, TemplateMessage, TextMessage
from sayso.contacts.models import Contact
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

from .buttons import payloads
from .models import Message, Sender, Template
from .send import Mapping, mappings
from .variables import MissingVariable, fill

log = logging.getLogger("sayso.dispatch")

SLICE = 0.1  # seconds of a number's pace that are handed over at once
LOCK_CLASS = 5_173_002  # any constant: the advisory locks of sending numbers
IDLE = 0.5  # seconds between looks for due messages
REST = 30.0  # seconds until a number that failed is tried again
IN_FLIGHT = 100  # sends at a time and number
RETRIES = {
    Retry.LATER: (15 * 60, 2 * 3600, 24 * 3600),
    Retry.LATER_ONCE: (15 * 60,),
    Retry.BACKOFF: (4, 16, 64, 256, 1024),  # 4^n, as Meta asks for a pair that is written to too quickly
}
"""Seconds before each further try, where the provider's answer refused the message."""
NO_CONNECTION_DELAYS = (1, 5, 30, 120, 600)


@dataclass(slots=True)
class Ready:
    """A message in state SENDING, with what goes over the wire."""

    id: int
    attempt: int
    outgoing: Outgoing


@dataclass(slots=True)
class Result:
    """One column set for the settling statement; see :func:`_settle`."""

    id: int
    status: str
    provider_id: str | None = None
    error_code: str | None = None
    provider_code: str | None = None
    provider_text: str | None = None
    delay: float = 0.0


@dataclass(slots=True)
class Number:
    """A sending number as a worker holds it."""

    shop: Shop
    sender: Sender
    mappings: dict[tuple[str, int | None], Mapping] = field(default_factory=dict)
    templates: dict[int, Template] = field(default_factory=dict)


def run(stop: threading.Event) -> None:
    """Dispatch until ``stop`` is set. Any number of workers may run this."""
    asyncio.run(_Dispatcher(stop).run())


class _Dispatcher:
    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        # Django's connection belongs to a thread; one thread does all our database work, in order.
        self.database = ThreadPoolExecutor(1, thread_name_prefix="dispatch-db")
        self.busy: dict[tuple[int, int], asyncio.Task] = {}
        self.resting: dict[tuple[int, int], float] = {}

    async def run(self) -> None:
        try:
            async with http_client(slots=IN_FLIGHT) as http:
                while not self.stop.is_set():
                    for key in await self._in_database(_due):
                        if key not in self.busy and self.resting.get(key, 0.0) < time.monotonic():
                            self.busy[key] = asyncio.create_task(self._work(key[0], key[1], http))
                    await asyncio.sleep(IDLE)
                    for key, task in list(self.busy.items()):
                        if task.done():
                            del self.busy[key]
                            self._look_at(key, task)
                await asyncio.gather(*self.busy.values())
        finally:
            self.database.submit(connections.close_all).result()
            self.database.shutdown()

    def _look_at(self, key: tuple[int, int], task: asyncio.Task) -> None:
        """One number in trouble (a token that cannot be read, say) must not stop the others; the database may."""
        error = task.exception()
        if isinstance(error, OperationalError | InterfaceError):
            raise error
        if error is not None:
            self.resting[key] = time.monotonic() + REST
            log.error("number %s of shop %s rests for %.0f s", key[1], key[0], REST, exc_info=error)

    async def _in_database(self, function, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self.database, function, *arguments)

    async def _work(self, shop_id: int, sender_id: int, http) -> None:
        """Send what is due of one number, until nothing is."""
        number = await self._in_database(_hold, shop_id, sender_id)
        if number is None:
            return
        client = WhatsApp(
            http,
            base_url=number.sender.base_url,
            token=number.sender.token,
            version=settings.META_API_VERSION,
            sandbox=number.shop.is_sandbox,
        )
        size = max(1, int(number.sender.per_second * SLICE))
        try:
            while not self.stop.is_set():
                began = time.monotonic()
                ready, seen = await self._in_database(_claim, number, size)
                if ready:
                    results = await asyncio.gather(*(self._send(client, number, message) for message in ready))
                    await self._in_database(_settle, number, results)
                if not seen or not self._may_go_on(number):
                    return
                # The pace counts what was handed over; what the gate refused cost the provider nothing.
                rest = len(ready) / number.sender.per_second - (time.monotonic() - began)
                if rest > 0:
                    await asyncio.sleep(rest)
        finally:
            await self._in_database(_release, sender_id)

    @staticmethod
    def _may_go_on(number: Number) -> bool:
        return number.sender.status == "CONNECTED"

    @staticmethod
    async def _send(client: WhatsApp, number: Number, message: Ready) -> Result:
        try:
            answer = await client.send(number.sender.phone_number_id, message.outgoing)
        except NoConnection as error:
            return _again(message, NO_CONNECTION_DELAYS, "CHANNEL_IS_UNAVAILABLE", None, type(error.__cause__).__name__)
        except AnswerLost:
            return Result(message.id, "UNCONFIRMED", error_code="MESSAGE_IS_UNCONFIRMED")
        if isinstance(answer, Accepted):
            return Result(message.id, "SENT", provider_id=answer.message_id)
        return _refused(number, message, answer)


def _refused(number: Number, message: Ready, answer: Refused) -> Result:
    failure = answer.failure
    code = str(failure.provider_code) if failure.provider_code is not None else None
    if failure.retry is Retry.FIX and failure.code.startswith("CHANNEL_"):
        # A person must act: what is still queued stays queued.
        number.sender.status = "RESTRICTED" if failure.code != "CHANNEL_IS_NOT_CONNECTED" else "DISCONNECTED"
        number.sender.status_reason = failure.title
    return _again(message, RETRIES.get(failure.retry, ()), failure.code, code, failure.title, answer.retry_after)


def _again(
    message: Ready,
    delays: tuple[int, ...],
    error_code: str,
    provider_code: str | None,
    text: str,
    at_least: float | None = None,
) -> Result:
    """Nothing has left: back to the queue while there are tries, else failed."""
    if message.attempt <= len(delays):
        delay = max(delays[message.attempt - 1], at_least or 0) * random.uniform(1, 1.25)  # noqa: S311 (jitter)
        return Result(message.id, "QUEUED", None, error_code, provider_code, text, delay)
    return Result(message.id, "FAILED", None, error_code, provider_code, text)


# What follows runs in the database's thread.


def _due() -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute("select shop_id, sender_id from due_senders()")
        return cursor.fetchall()


def _hold(shop_id: int, sender_id: int) -> Number | None:
    """Take the number for this worker; None where another one has it."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s, %s)", [LOCK_CLASS, sender_id & 0x7FFFFFFF])
        if not cursor.fetchone()[0]:
            return None
    try:
        return _take_over(shop_id, sender_id)
    except Exception:
        _release(sender_id)
        raise


def _take_over(shop_id: int, sender_id: int) -> Number:
    with shop_context(shop_id), connection.cursor() as cursor:
        # Only who holds the number sends: what is SENDING now was left by a worker that died.
        cursor.execute("select unconfirm_lost(%s)", [sender_id])
        if lost := cursor.fetchone()[0]:
            log.warning("%d messages were handed over by a worker that is gone: UNCONFIRMED", lost)
        return Number(Shop.objects.get(pk=shop_id), Sender.objects.get(pk=sender_id))


def _release(sender_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_unlock(%s, %s)", [LOCK_CLASS, sender_id & 0x7FFFFFFF])


def _claim(number: Number, size: int) -> tuple[list[Ready], int]:
    """Move up to ``size`` due messages to SENDING, and answer them with the number of messages looked at."""
    with shop_context(number.shop.pk):
        due = list(
            Message.objects.select_for_update(skip_locked=True)
            .filter(sender_id=number.sender.pk, status="QUEUED", not_before__lte=datetime.now(UTC))
            .order_by("not_before", "pk")[:size]
        )
        if not due:
            return [], 0
        contacts = Contact.objects.in_bulk({message.contact_id for message in due})
        prepared, unfit = [], []
        for message in due:
            try:
                prepared.append((message, _prepare(number, message, contacts[message.contact_id])))
            except (MissingVariable, MissingParameter):
                unfit.append(message.pk)
        if unfit:
            Message.objects.filter(pk__in=unfit).update(status="SKIPPED", error_code="TEMPLATE_IS_MISSING_VARIABLE")
        with connection.cursor() as cursor:
            cursor.execute("select * from message_claim(%s)", [[message.pk for message, _ in prepared]])
            sending = {row[0] for row in cursor.fetchall()}
            cursor.execute(
                """update message m set body = said.body from unnest(%s::bigint[], %s::text[]) as said(id, body)
                where m.id = said.id""",
                [[m.pk for m, _ in prepared if m.pk in sending], [b for m, (b, _) in prepared if m.pk in sending]],
            )
    return [Ready(m.pk, m.attempt + 1, outgoing) for m, (_, outgoing) in prepared if m.pk in sending], len(due)


def _prepare(number: Number, message: Message, contact: Contact) -> tuple[str, Outgoing]:
    """The text as the recipient will read it, and what goes over the wire."""
    callback_data = f"{number.shop.pk}:{message.pk}"
    if message.template_id is None:
        return message.body or "", TextMessage(message.body or "", to=message.address, callback_data=callback_data)
    if message.template_id not in number.templates:
        number.templates[message.template_id] = Template.objects.get(pk=message.template_id)
    template = number.templates[message.template_id]
    origin = (message.origin, message.origin_id)
    if origin not in number.mappings:
        number.mappings[origin] = mappings[message.origin](message.origin_id) if message.origin_id else []
    named = fill(number.mappings[origin], contact, number.shop)
    values = {variable.key: named.get(variable.name, "") for variable in variables(template.components)}
    if template.category == "MARKETING":
        values |= payloads(template)
    outgoing = TemplateMessage(
        template.name,
        template.language,
        to=message.address,
        components=parameters(template.components, values),
        callback_data=callback_data,
    )
    return render(template.body, values), outgoing


def _settle(number: Number, results: list[Result]) -> None:
    """Write what came of a slice, in one statement. A status that overtook us is never set back."""
    columns = [list(column) for column in zip(*(
        (r.id, r.status, r.provider_id, r.error_code, r.provider_code, r.provider_text, r.delay) for r in results
    ), strict=True)]  # fmt: skip
    with shop_context(number.shop.pk), connection.cursor() as cursor:
        cursor.execute(
            """update message m set status = r.status,
                -- The provider's id holds the number: it is not kept of somebody erased meanwhile.
                provider_id = case when m.address is not null then coalesce(m.provider_id, r.provider_id) end,
                error_code = r.error_code, provider_code = r.provider_code, provider_text = r.provider_text,
                sent_at = case when r.status = 'SENT' then now() else m.sent_at end,
                failed_at = case when r.status = 'FAILED' then now() else m.failed_at end,
                not_before = case when r.status = 'QUEUED' then now() + make_interval(secs => r.delay) else m.not_before end
            from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::float[])
                as r(id, status, provider_id, error_code, provider_code, provider_text, delay)
            where m.id = r.id and m.status in ('SENDING', 'UNCONFIRMED')""",
            columns,
        )
        if number.sender.status != "CONNECTED":
            number.sender.save(update_fields=["status", "status_reason"])
        cursor.execute("select pg_notify('sayso_live', %s)", [json.dumps({"shop": number.shop.pk, "messages": True})])
