"""Telling the store what people decided here (features §6.12): what is due is told as it is at that moment.

A row is taken for the time of a lease, and what is sent is kept before it is sent. The mutations set a state with its own
time, so one whose answer got lost is sent again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from sayso.channels.json import mapping, mappings, text
from sayso.events.listen import Bell
from sayso.shops.tenancy import shop_context

from .. import documents
from ..connection.client import ShopifyError
from ..connection.signin import SignInError
from ..connection.tokens import NotConnected, Store, open_store
from .queue import BELL

log = logging.getLogger(__name__)

POLL = 2.0  # seconds; rows that were put off become due without a ring
LEASE = 120  # seconds after which what a worker took is taken again: it died
LONGEST_DELAY = 3600  # seconds

_REFUSALS = (
    ("phone number is required", "The customer has no phone number at Shopify, so Shopify keeps no consent for it."),
    ("email address is required", "The customer has no e-mail address at Shopify, so Shopify keeps no consent for it."),
    ("not found", "Shopify does not know this customer any more."),
    ("future", "Shopify holds the time of this consent for the future. Check this machine's clock, then try again."),
)
"""What Shopify's words contain → what it means for whoever reads the contact's page."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a store is told about one channel of one customer."""

    id: int
    customer_id: int
    channel: str
    state: str
    occurred_at: datetime | None
    confirmed: bool  # by double opt-in
    requested_at: datetime
    attempts: int

    @property
    def document(self) -> str:
        return f"write_{self.channel}_consent"

    @property
    def variables(self) -> dict[str, Any]:
        """The input of the channel's mutation. WhatsApp has names of its own (platforms.md §1.4)."""
        level = {"SUBSCRIBED": "CONFIRMED_OPT_IN" if self.confirmed else "SINGLE_OPT_IN", "PENDING": "CONFIRMED_OPT_IN"}
        at = self.occurred_at and self.occurred_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        names = (
            ("whatsAppMarketingConsent", "state", "optInLevel", "updatedAt")
            if self.channel == "whatsapp"
            else (f"{self.channel}MarketingConsent", "marketingState", "marketingOptInLevel", "consentUpdatedAt")
        )
        said = dict(zip(names[1:], (self.state, level.get(self.state), at), strict=True))
        return {
            "customerId": f"gid://shopify/Customer/{self.customer_id}",
            names[0]: {name: value for name, value in said.items() if value},
        }


def run(stop: threading.Event) -> None:
    """Tell what is due until ``stop`` is set. Any number of workers may run this at once."""
    try:
        with Bell(BELL) as bell:
            while not stop.is_set():
                with connection.cursor() as cursor:
                    cursor.execute("select due_write_backs()")
                    due = [shop_id for (shop_id,) in cursor.fetchall()]
                told = sum(one_batch(shop_id) for shop_id in due if not stop.is_set())
                if not told:
                    bell.wait(POLL)
    finally:
        connection.close()


def one_batch(shop_id: int) -> int:
    """Tell the store of a shop what is due, as much as one call carries; answers how many rows were taken."""
    with shop_context(shop_id):
        taken, told = _take()
    if told:
        try:
            with open_store(shop_id) as store:
                _tell(store, told)
        except (ShopifyError, SignInError, NotConnected) as error:
            log.warning("%d consents could not be written to the store of shop %d: %s", len(told), shop_id, error)
            with shop_context(shop_id):
                _put_off(told, error)
    return taken


def write_now(shop_id: int) -> int:
    """Tell everything that is due; returns how many rows that took. For commands and tests."""
    total = 0
    while taken := one_batch(shop_id):
        total += taken
    return total


def _take() -> tuple[int, list[Told]]:
    """Take a batch, and read what is true of it now. What need not be told any more is done."""
    with connection.cursor() as cursor:
        cursor.execute(
            """with due as materialized (
                select shop_id, id from shopify_write_back
                where state in ('WAITING', 'SENDING') and not_before <= clock_timestamp()
                order by not_before limit %s for update skip locked
            )
            update shopify_write_back w set state = 'SENDING', not_before = clock_timestamp() + make_interval(secs => %s)
            from due where w.shop_id = due.shop_id and w.id = due.id returning w.id""",
            [documents.WRITES_A_CALL, LEASE],
        )
        ids = [pk for (pk,) in cursor.fetchall()]
        if not ids:
            return 0, []
        cursor.execute(
            """select w.id, c.shopify_customer_id, w.channel, t.state, t.occurred_at, t.basis = 'DOUBLE_OPT_IN',
                w.requested_at, w.attempts
            from shopify_write_back w
            join contact c on c.id = w.contact_id and c.shopify_customer_id is not null and c.deleted_at is null
                and c.redacted_at is null
            join consent_state st on st.contact_id = w.contact_id
            cross join lateral shopify_tellable(st, w.channel) t
            where w.id = any(%s)
            -- Shopify itself said so meanwhile, for an act at least as new.
            and not coalesce(t.shop_value = t.state and date_trunc('second', t.shop_at) >= t.occurred_at, false)
            order by w.id""",
            [ids],
        )
        told = [
            Told(pk, customer, channel, state, at, bool(confirmed), requested, attempts)
            for pk, customer, channel, state, at, confirmed, requested, attempts in cursor.fetchall()
        ]
        cursor.execute(
            """update shopify_write_back w set sending_state = t.state
            from unnest(%s::bigint[], %s::text[]) as t (id, state) where w.id = t.id""",
            [[one.id for one in told], [one.state for one in told]],
        )
        needless = set(ids) - {one.id for one in told}
        cursor.execute(
            """update shopify_write_back set state = 'DONE', settled_at = clock_timestamp(), sending_state = null,
                attempts = 0, error = '' where id = any(%s)""",
            [sorted(needless)],
        )
    return len(ids), told


def _tell(store: Store, told: Sequence[Told]) -> None:
    names = [one.document for one in told]
    variables = {f"i{number}": one.variables for number, one in enumerate(told)}
    answer, failed = _answers(store, f"several {sorted(names)}", documents.several(names), variables)
    written: list[Told] = []
    refused: list[tuple[Told, str]] = []
    unanswered: list[Told] = []
    for number, one in enumerate(told):
        payload, error = answer.get(f"m{number}"), failed.get(f"m{number}")
        if not isinstance(payload, dict):
            if error is None or error.temporary:
                unanswered.append(one)
            else:
                refused.append((one, _sentence(error.message)))
        elif errors := mappings(mapping(payload).get("userErrors")):
            if text(errors[0].get("code")) == "INTERNAL_ERROR":
                unanswered.append(one)
            else:
                refused.append((one, _sentence(text(errors[0].get("message")) or "no reason was given")))
        else:
            written.append(one)
    with shop_context(store.shop_id):
        _written(written)
        _refused(refused)
        if unanswered:
            _put_off(unanswered, ShopifyError("INTERNAL_SERVER_ERROR", "Shopify could not carry it out"))


def _answers(
    store: Store, name: str, document: str, variables: dict[str, Any]
) -> tuple[Mapping[str, Any], dict[str, ShopifyError]]:
    """What each mutation of the call answered, and why one did not: the store carries out the others all the same.
    Raises what a call that brought nothing at all raises."""
    try:
        return store.graphql.run_text(name, document, variables), {}
    except ShopifyError as error:
        if not any(isinstance(answer, dict) for answer in error.data.values()):
            raise
        return error.data, {
            str(path[0]): ShopifyError(
                text(mapping(one.get("extensions")).get("code")) or "GRAPHQL", text(one.get("message")) or ""
            )
            for one in error.errors
            if isinstance(path := one.get("path"), list) and path
        }


def _sentence(message: str) -> str:
    found = next((meaning for words, meaning in _REFUSALS if words in message.lower()), None)
    return found or f"Shopify refused: {message.rstrip('.')}."


# Asked for again meanwhile, a row waits again whatever became of it.
_SETTLE = """
    update shopify_write_back w set {outcome}, sending_state = null, attempts = 0,
        state = case when w.requested_at = t.requested_at then '{state}' else 'WAITING' end,
        settled_at = case when w.requested_at = t.requested_at then clock_timestamp() else w.settled_at end,
        not_before = clock_timestamp()
    from unnest({columns}) where w.id = t.id
"""


def _written(told: Sequence[Told]) -> None:
    outcome = "error = '', written_state = t.state, written_occurred_at = t.at, written_at = clock_timestamp()"
    columns = "%s::bigint[], %s::timestamptz[], %s::text[], %s::timestamptz[]) as t (id, requested_at, state, at"
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE.format(outcome=outcome, state="DONE", columns=columns),
            [
                [one.id for one in told],
                [one.requested_at for one in told],
                [one.state for one in told],
                [one.occurred_at for one in told],
            ],
        )


def _refused(refused: Sequence[tuple[Told, str]]) -> None:
    columns = "%s::bigint[], %s::timestamptz[], %s::text[]) as t (id, requested_at, sentence"
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE.format(outcome="error = t.sentence", state="FAILED", columns=columns),
            [
                [one.id for one, _ in refused],
                [one.requested_at for one, _ in refused],
                [sentence[:500] for _, sentence in refused],
            ],
        )


def _put_off(told: Sequence[Told], error: Exception) -> None:
    """Nothing was refused, so nothing is given up: tried again, after 2, 4, 8 … seconds, in the end every hour."""
    said = error.message if isinstance(error, ShopifyError | SignInError) else str(error)
    said = f"Tried again by itself: {said.rstrip('.')}."
    with connection.cursor() as cursor:
        cursor.execute(
            """update shopify_write_back set state = 'WAITING', attempts = least(attempts + 1, 30000), error = %s,
                not_before = clock_timestamp() + make_interval(secs => least(power(2, least(attempts + 1, 20)), %s))
            where id = any(%s) and state = 'SENDING'""",
            [said[:500], LONGEST_DELAY, [one.id for one in told]],
        )
