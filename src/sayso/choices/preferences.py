"""What a person gets, and what they decide about it: everything behind the preference page and the unsubscribe link."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from sayso.consent import settings as consent_settings
from sayso.consent.events import PHONE_CHANNELS, Channel, ConsentEvent, State
from sayso.consent.models import ConsentState, Topic
from sayso.consent.record import record
from sayso.contacts import merge
from sayso.contacts.models import Contact
from sayso.events.models import Event
from sayso.messaging.models import Sender
from sayso.shops.models import Shop

from . import texts, topics
from .models import Feedback
from .texts import Words
from .tokens import Person, address_mark

IN_WORDS = {State.SUBSCRIBED, State.PENDING, State.UNSUBSCRIBED, State.INVALID}
"""States that a person is told; the others are *you get nothing here*."""

STOPPABLE = {State.SUBSCRIBED, State.PENDING, State.INVALID}


@dataclass(frozen=True)
class Standing:
    """One contact as its links see it."""

    contact: Contact
    states: dict[Channel, State]
    channels: tuple[Channel, ...]  # that it has an address for and the shop uses
    topics: list[Topic]
    choices: dict[tuple[str, str], bool]  # (channel, topic) → wanted

    @property
    def redacted(self) -> bool:
        return self.contact.redacted_at is not None

    @property
    def gone(self) -> bool:
        return self.redacted or self.contact.deleted_at is not None

    @property
    def languages(self) -> tuple[str | None, str | None]:
        return self.contact.language, self.contact.locale

    def still_on(self, channel: Channel) -> bool:
        """Whether an opt-out would change anything: on the phone both channels stop together."""
        return any(self.states[one] != State.UNSUBSCRIBED for one in together(channel))

    def address(self, channel: Channel) -> str | None:
        return self.contact.phone if channel in PHONE_CHANNELS else self.contact.email

    def address_key(self, channel: Channel) -> bytes | memoryview | None:
        return self.contact.phone_key if channel in PHONE_CHANNELS else self.contact.email_key


@dataclass(frozen=True)
class Line:
    """One channel on the page."""

    channel: Channel
    name: str
    state: State
    in_words: str
    wording: str  # of the button that switches it on
    topics: list[tuple[Topic, bool]]

    @property
    def on(self) -> bool:
        return self.state in (State.SUBSCRIBED, State.PENDING)


@dataclass(frozen=True)
class Group:
    """Channels with one address and one off-switch."""

    heading: str
    stop: str
    channel: Channel  # that the off-switch names
    lines: list[Line]

    @property
    def stoppable(self) -> bool:
        return any(line.state in STOPPABLE for line in self.lines)


def together(channel: Channel) -> tuple[Channel, ...]:
    """The channels that an opt-out on one of them covers."""
    return PHONE_CHANNELS if channel in PHONE_CHANNELS else (channel,)


def now() -> datetime:
    """When the person acts."""
    return timezone.now()


def standing(person: Person) -> Standing | None:
    """What is known of the person of a link, in its shop; None where there never was such a contact."""
    end = merge.survivors([person.contact_id]).get(person.contact_id)
    contact = Contact.objects.filter(pk=end.contact_id if end else person.contact_id).first()
    if contact is None:
        return None
    row = ConsentState.objects.filter(contact_id=contact.pk).first()
    states = {one: State(getattr(row, f"{one}_state")) if row else State.UNKNOWN for one in Channel}
    used = set(Sender.objects.values_list("channel", flat=True)) | {person.channel}
    used |= {one.value for one, state in states.items() if state in IN_WORDS}
    with_address = [one for one in Channel if (contact.phone if one in PHONE_CHANNELS else contact.email)]
    return Standing(
        contact,
        states,
        tuple(one for one in with_address if one in used),
        list(Topic.objects.order_by("title", "id")),
        topics.choices_of(contact.pk),
    )


def groups(person: Person, standing: Standing, words: Words) -> list[Group]:
    """The page, from top to bottom; first the group that the link came by."""

    def line(channel: Channel) -> Line:
        state = standing.states[channel]
        name = getattr(words, channel)
        wanted = topics.effective(standing.topics, standing.choices, channel)
        return Line(
            channel,
            name,
            state,
            getattr(words, f"state_{state if state in IN_WORDS else 'NONE'}"),
            words.say("switch_on", channel=name),
            [(topic, wanted[topic.key]) for topic in standing.topics]
            if state in (State.SUBSCRIBED, State.PENDING)
            else [],
        )

    phone = [line(channel) for channel in standing.channels if channel in PHONE_CHANNELS]
    email = [line(channel) for channel in standing.channels if channel == Channel.EMAIL]
    made = []
    if phone:
        made.append(Group(words.phone_group, words.stop_phone, phone[0].channel, phone))
    if email:
        made.append(Group(words.email_group, words.stop_email, Channel.EMAIL, email))
    return sorted(made, key=lambda group: person.channel not in {one.channel for one in group.lines})


def stop(standing: Standing, channels: Iterable[str], source: str, language: str, evidence: dict[str, Any]) -> None:
    """Record the opt-out of each channel; never refused, never asked twice."""
    wanted = [Channel(one) for one in channels if one in set(Channel)]
    # One a group of channels that stop together; the door does the other.
    chosen = list({together(one): one for one in reversed(wanted)}.values())
    moment = now()
    record(
        ConsentEvent(standing.contact.pk, one, "OPT_OUT", moment, source, language=language, evidence=evidence)
        for one in chosen
    )


def start(
    person: Person, shop: Shop, standing: Standing, channel: Channel, words: Words, text: str, evidence: dict[str, Any]
) -> str:
    """Record the person's opt-in; the name of the notice that tells what came of it.

    The link proves the address it was sent to and no other. For that one it is the person's own completed act; for
    another channel, or where the contact's address changed since, it has to be confirmed there. So it has where the shop
    wants every return after an opt-out confirmed.
    """
    proven = channel in together(person.channel) and person.address == address_mark(standing.address_key(channel))
    back = standing.states[channel] == State.UNSUBSCRIBED
    ask = not proven or (back and consent_settings.of(shop).resubscribe_needs_confirmation)
    name = getattr(words, channel)
    outcomes = record(
        [
            ConsentEvent(
                standing.contact.pk, channel, "OPT_IN_UNCONFIRMED" if ask else "OPT_IN", now(),
                "preference_centre", address=standing.address(channel),
                wording_version=f"preference_centre/{channel}/{words.tag}/{texts.version()}", language=words.tag,
                evidence=evidence | {"wording": words.say(text, channel=name, shop=shop.name)},
            )
        ]
    )  # fmt: skip
    own = [one for one in outcomes if one.contact_id == standing.contact.pk and one.channel == channel]
    if own and own[-1].refusal_code == "STALE":  # in the very second of the opt-out, which wins a tie
        return "too_soon"
    state = own[-1].to_state if own else standing.states[channel]
    return {State.SUBSCRIBED: "done_on", State.PENDING: "done_pending"}.get(state, "not_on")


def choose_topics(
    standing: Standing, channel: Channel, wanted: Iterable[str], language: str, evidence: dict[str, Any]
) -> None:
    """Record which subjects the person wants on a channel, as far as that differs from what stands."""
    chosen = set(wanted)
    record(
        topics.events(
            standing.contact.pk, channel, {topic.key: topic.key in chosen for topic in standing.topics},
            standing.choices, source="preference_centre", actor_kind="customer", language=language, evidence=evidence,
        )
    )  # fmt: skip


def keep_reason(person: Person, reason: str, text: str) -> None:
    """Store why somebody left; the words in the feedback alone, which is erased with the contact."""
    Feedback.objects.create(
        shop_id=person.shop_id, contact_id=person.contact_id, channel=person.channel, reason=reason,
        text=" ".join(text.replace("\x00", "").split())[:1000],
    )  # fmt: skip
    Event.objects.create(
        shop_id=person.shop_id, kind="preferences.feedback", contact_id=person.contact_id, occurred_at=timezone.now(),
        actor_kind="customer", origin="unsubscribe_link", data={"reason": reason, "channel": person.channel},
    )  # fmt: skip
