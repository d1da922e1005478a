"""Random interleavings of everything that speaks of consent, against the oracle of :mod:`tests.consent.model`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.consent import model

from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import ConsentState, LedgerEntry, Suppression
from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.messaging.gate import reach
from sayso.shops.tenancy import enter_shop

NUMBERS = itertools.count(1)
PHONES = [None, "+447911123451", "+447911123452"]
EMAILS = [None, "ada@example.com", "eve@example.com"]
EVENTS = sorted(
    model.OWN_ACTS | model.UNCONFIRMED | model.WEAK | model.BAD_ADDRESS
    | {"OPT_OUT", "SHOP_UNSUBSCRIBED", "CONFIRM", "PENDING_EXPIRED", "RESUME", "INFERRED_WITHDRAWN", "ADDRESS_PROVEN",
       "SHOP_NOT_SUBSCRIBED"}
)  # fmt: skip
HOURS = st.one_of(st.integers(-6, -1), st.sampled_from([-9 * 24, 1]))  # expired, and in the future
NOBODY_ELSE = {
    "RESUME": Channel.WHATSAPP,
    "INFERRED": Channel.SMS,
    "INFERRED_WITHDRAWN": Channel.SMS,
    "SHOP_INVALID": Channel.EMAIL,
}


class Consent(RuleBasedStateMachine):
    """A shop of the program beside a shop of the model."""

    make_shop: Callable
    people = Bundle("people")

    def __init__(self) -> None:
        super().__init__()
        enter_shop(type(self).make_shop().pk)
        self.base = datetime.now(UTC).replace(microsecond=0)
        self.model = model.Shop()
        self.ids: dict[model.Person, int] = {}
        self.written = 0

    def change(self, number: int, phone: str | None, email: str | None) -> int:
        profile = Profile(phone=phone, email=email, country="GB")
        at = self.base + timedelta(seconds=next(NUMBERS))
        [applied] = apply([ContactChange(source=Source.SHOPIFY, at=at, shopify_customer_id=number, profile=profile)])
        return applied.contact_id

    @rule(target=people, phone=st.sampled_from(PHONES), email=st.sampled_from(EMAILS))
    def join(self, phone, email):
        number = next(NUMBERS)
        person = self.model.join(phone, email, 0)
        self.ids[person] = self.change(number, phone, email)
        person.number = number
        return person

    @rule(person=people, phone=st.sampled_from(PHONES[1:]))
    def move(self, person, phone):
        if not person.redacted:
            self.model.move(person, phone, 0)
            self.change(person.number, phone, person.addresses["email"])

    @rule(
        person=people,
        channel=st.sampled_from(Channel),
        event=st.sampled_from(EVENTS),
        hours=HOURS,
        timeless=st.booleans(),
    )
    def say(self, person, channel, event, hours, timeless):
        channel = NOBODY_ELSE.get(event, channel)
        at = None if timeless and event != "RESUME" else hours * 3600
        if event == "RESUME":
            at = -abs(hours) * 3600
        expected = self.model.say(person, channel, event, at, 0)
        said = ConsentEvent(
            contact_id=self.ids[person],
            channel=channel,
            event=event,
            occurred_at=None if at is None else self.base + timedelta(seconds=at),
            source="test",
            shop_value=event.removeprefix("SHOP_") if event.startswith("SHOP_") else None,
        )
        outcomes = record([said])
        assert (outcomes[0].outcome, outcomes[0].refusal_code) == expected if expected else not outcomes, said

    @rule(person=people)
    def redact(self, person):
        self.model.redact(person, 0)
        record(ConsentEvent(self.ids[person], channel, "REDACT", None, "redaction") for channel in Channel)

    @rule(survivor=people, taken=people)
    def merge(self, survivor, taken):
        if survivor is not taken and not survivor.redacted and not taken.redacted:
            self.model.merge(survivor, taken, 0)
            record([ConsentEvent(self.ids[survivor], Channel.SMS, "MERGE", None, "merge", merged=self.ids[taken])])

    @invariant()
    def every_state_is_what_the_ledger_says(self):
        rows = {row.contact_id: row for row in ConsentState.objects.all()}
        for person, contact_id in self.ids.items():
            for channel in Channel:
                state = getattr(rows[contact_id], f"{channel}_state")
                assert state == person.state(channel), (contact_id, channel, person.said)

    @invariant()
    def nobody_is_reached_who_did_not_agree(self):
        for channel in Channel:
            blocked = self.model.redacted
            agreed = {
                person.address(channel)
                for person in self.ids
                if person.state(channel) == "SUBSCRIBED" and person.address(channel) not in blocked
            }
            assert reach({"all": True}, channel=channel, purpose="MARKETING").sendable <= len(agreed - {None})

    @invariant()
    def every_opt_out_is_kept_by_address(self):
        assert Suppression.objects.filter(kind="OPT_OUT").count() >= len(
            set(self.model.opted_out) - self.model.redacted
        )

    @invariant()
    def the_ledger_only_grows(self):
        now = LedgerEntry.objects.count()
        assert now >= self.written
        self.written = now


def test_random_histories(make_shop):
    bound = type("Bound", (Consent,), {"make_shop": staticmethod(make_shop)})
    run_state_machine_as_test(
        bound,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
