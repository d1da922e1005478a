"""What features §6.4 says, said once more and slowly: the oracle of the stateful test.

It knows nothing of the program. Every contact keeps the list of what was said of it; a state is found by reading that
list from the beginning. Times are whole seconds; a time that nobody gave lies before all others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

NEVER = -(10**12)
PHONE = ("whatsapp", "sms")
CHANNELS = (*PHONE, "email")

OWN_ACTS = {"SHOP_SUBSCRIBED", "OPT_IN"}
UNCONFIRMED = {"SHOP_PENDING", "OPT_IN_UNCONFIRMED"}
PROOFS = {"IMPORT_WITH_PROOF", "STAFF_WITH_PROOF", "API_WITH_PROOF"}
WEAK = PROOFS | {"INFERRED", "CHAT_START"}
OUTS = {"OPT_OUT", "SHOP_UNSUBSCRIBED", "SUPPRESSED_ADDRESS"}
BAD_ADDRESS = {"SHOP_INVALID", "ADDRESS_INVALID"}
AHEAD = 5 * 60
EXPIRY = 7 * 24 * 3600


@dataclass
class Said:
    """One counted entry."""

    channel: str
    event: str
    at: int
    address: str | None


@dataclass(eq=False)
class Person:
    addresses: dict[str, str | None]  # "phone", "email"
    said: list[Said] = field(default_factory=list)
    readings: dict[str, tuple[str, int]] = field(default_factory=dict)  # channel → what Shopify last said, and when
    redacted: bool = False

    def address(self, channel: str) -> str | None:
        return self.addresses["phone" if channel in PHONE else "email"]

    def _of(self, channel: str) -> list[Said]:
        """Since the contact took its current address."""
        own = [one for one in self.said if one.channel == channel]
        moves = [position for position, one in enumerate(own) if one.event == "ADDRESS_CHANGED"]
        return own[moves[-1] + 1 :] if moves else own

    def out(self, channel: str) -> int | None:
        """O: the newest opt-out, of the contact under any address, shared by the phone channels."""
        together = PHONE if channel in PHONE else ("email",)
        times = [one.at for one in self.said if one.channel in together and one.event in OUTS]
        resumed = [one.at for one in self.said if one.event == "RESUME"] if channel == "whatsapp" else []
        newest = max(times, default=None)
        return None if newest is None or (resumed and newest < max(resumed)) else newest

    def completed(self, channel: str) -> int | None:
        """C."""
        times, waiting = [], None
        for one in self._of(channel):
            if one.event in OWN_ACTS:
                times.append(one.at)
            elif one.event in UNCONFIRMED:
                waiting = one.at if waiting is None else max(waiting, one.at)
            elif one.event == "PENDING_EXPIRED":
                waiting = None
            elif one.event == "CONFIRM":
                if waiting is not None:
                    times.append(waiting)
                waiting = None
        return max(times, default=None)

    def pending(self, channel: str) -> int | None:
        """P."""
        waiting = None
        for one in self._of(channel):
            if one.event in UNCONFIRMED:
                waiting = one.at if waiting is None else max(waiting, one.at)
            elif one.event in ("CONFIRM", "PENDING_EXPIRED"):
                waiting = None
        return waiting

    def weak(self, channel: str) -> str | None:
        """W: ``INFERRED`` where nothing else supports it."""
        proof = inferred = False
        for one in self._of(channel):
            proof = proof or (one.event in WEAK and one.event != "INFERRED")
            inferred = one.event == "INFERRED" or (inferred and one.event != "INFERRED_WITHDRAWN")
        return "PROOF" if proof else "INFERRED" if inferred else None

    def unusable(self, channel: str) -> bool:
        bad = False
        for one in self._of(channel):
            if one.event in BAD_ADDRESS:
                bad = True
            elif one.event in OWN_ACTS | UNCONFIRMED | {"CHAT_START", "ADDRESS_PROVEN"}:
                bad = False
        return bad

    def state(self, channel: str) -> str:
        """The function of the ledger."""
        out, completed, pending = self.out(channel), self.completed(channel), self.pending(channel)
        if self.redacted:
            return "REDACTED"
        if out is not None and max(completed or NEVER, pending or NEVER) <= out:
            return "UNSUBSCRIBED"
        if self.unusable(channel):
            return "INVALID"
        if completed is not None and (out is None or completed > out):
            return "SUBSCRIBED"
        if pending is not None:
            return "PENDING"
        if self.weak(channel):
            return "SUBSCRIBED"
        return "NOT_SUBSCRIBED" if self.readings.get(channel, ("", 0))[0] == "NOT_SUBSCRIBED" else "UNKNOWN"

    def basis_is_inferred(self, channel: str) -> bool:
        completed, out = self.completed(channel), self.out(channel)
        strong = completed is not None and (out is None or completed > out)
        return self.state(channel) == "SUBSCRIBED" and not strong and self.weak(channel) == "INFERRED"


Answer = tuple[str, str | None]  # ACCEPTED, NO_CHANGE or REFUSED, and why
MOVES, SAME = ("ACCEPTED", None), ("NO_CHANGE", None)


def refused(code: str) -> Answer:
    return "REFUSED", code


def answer(person: Person, channel: str, event: str, at: int, now: int) -> Answer:
    """The table of features §6.4, row by row. Whether the state really moves is for :meth:`Person.state` to say."""
    state, out = person.state(channel), person.out(channel)
    completed, pending = person.completed(channel), person.pending(channel)
    if state == "REDACTED":
        return SAME if event in ("REDACT", "INFERRED_WITHDRAWN") else refused("REDACTED")
    newer = out is None or at > out
    rows: dict[str, Callable[[], Answer]] = {
        "RESUME": lambda: MOVES if state == "UNSUBSCRIBED" else SAME,
        "INFERRED_WITHDRAWN": lambda: MOVES if person.basis_is_inferred(channel) else SAME,
        "ADDRESS_PROVEN": lambda: MOVES if state == "INVALID" else SAME,
        "CONFIRM": lambda: {
            "PENDING": MOVES if (pending or NEVER) > now - EXPIRY else refused("TOKEN_EXPIRED"),
            "SUBSCRIBED": SAME,
        }.get(state, refused("NOT_PENDING")),
        "PENDING_EXPIRED": lambda: MOVES if state == "PENDING" else refused("NOT_PENDING"),
        "SHOP_NOT_SUBSCRIBED": lambda: (
            refused("OPT_OUT_STANDS") if state == "UNSUBSCRIBED" else MOVES if state == "UNKNOWN" else SAME
        ),
    }
    if event in rows:
        return rows[event]()
    if event in OUTS:
        limit = {"PENDING": pending, "SUBSCRIBED": completed, "INVALID": max(completed or NEVER, pending or NEVER)}
        if state == "UNSUBSCRIBED" or at < (limit.get(state) or NEVER):
            return SAME
        return MOVES
    if event in BAD_ADDRESS:
        return {"UNSUBSCRIBED": refused("OPT_OUT_STANDS"), "INVALID": SAME}.get(state, MOVES)
    usable = person.address(channel) is not None
    if event in OWN_ACTS:
        if state in ("PENDING", "UNSUBSCRIBED"):
            return MOVES if newer else refused("STALE")
        if state == "INVALID":
            return MOVES if usable else refused("ADDRESS_INVALID")
        return SAME if state == "SUBSCRIBED" else MOVES
    if event in UNCONFIRMED:
        if state == "UNSUBSCRIBED":
            return MOVES if newer else refused("STALE")
        if state == "INVALID":
            return MOVES if usable else refused("ADDRESS_INVALID")
        if state == "SUBSCRIBED":
            return MOVES if completed is None else SAME
        return SAME if state == "PENDING" else MOVES
    if event == "CHAT_START":
        if state == "UNSUBSCRIBED":
            return refused("NEEDS_CUSTOMER_OPT_IN")
        return SAME if state in ("PENDING", "SUBSCRIBED") else MOVES
    assert event in PROOFS | {"INFERRED"}, event
    return {
        "PENDING": refused("AWAITS_CUSTOMER"),
        "SUBSCRIBED": SAME,
        "UNSUBSCRIBED": refused("OPT_OUT_STANDS" if event == "INFERRED" else "NEEDS_CUSTOMER_OPT_IN"),
        "INVALID": refused("ADDRESS_INVALID"),
    }.get(state, MOVES)


class Shop:
    """People, what they said, and the addresses that somebody opted out."""

    def __init__(self) -> None:
        self.people: list[Person] = []
        self.opted_out: dict[str, int] = {}
        self.redacted: set[str] = set()

    def join(self, phone: str | None, email: str | None, now: int) -> Person:
        person = Person({"phone": phone, "email": email})
        self.people.append(person)
        self._look_at_addresses(person, CHANNELS, now)
        return person

    def move(self, person: Person, phone: str | None, now: int) -> None:
        if person.addresses["phone"] == phone:
            return
        known = person.addresses["phone"] is not None
        person.addresses["phone"] = phone
        if known or any(person.unusable(channel) for channel in PHONE):
            for channel in PHONE:
                if person.state(channel) != "REDACTED":
                    person.said.append(Said(channel, "ADDRESS_CHANGED", now, phone))
                    person.readings.pop(channel, None)
        self._look_at_addresses(person, PHONE, now)

    def _look_at_addresses(self, person: Person, channels: tuple[str, ...], now: int) -> None:
        for channel in channels:
            address = person.address(channel)
            if address in self.opted_out:
                self._count(person, channel, "SUPPRESSED_ADDRESS", self.opted_out[address], now)

    def say(self, person: Person, channel: str, event: str, at: int | None, now: int) -> Answer | None:
        """One event of one channel, and all that follows from it; None where Shopify says what it said before."""
        reading = event.removeprefix("SHOP_"), NEVER if at is None else at
        if event.startswith("SHOP_") and person.readings.get(channel) == reading:
            return None
        if event in OWN_ACTS | UNCONFIRMED | WEAK and at is not None and at > now + AHEAD:
            return refused("FUTURE_TIME")
        if event in OWN_ACTS | UNCONFIRMED | WEAK and person.address(channel) is None:
            return refused("NO_ADDRESS")
        if event in OWN_ACTS and person.address(channel) in self.redacted and not person.redacted:
            event = "OPT_IN_UNCONFIRMED"
        moment = now if at is None and event in OUTS | {"RESUME"} else NEVER if at is None else min(at, now)
        before = person.state(channel)
        verdict = self._count(person, channel, event, moment, now)
        if reading[0] != event and reading[1] >= person.readings.get(channel, ("", NEVER))[1]:
            person.readings[channel] = reading
        if event in OUTS and verdict[0] != "REFUSED":
            self._spread(person, channel, moment, now)
        if verdict[0] == "REFUSED":
            return verdict
        return MOVES if person.state(channel) != before else SAME

    def _count(self, person: Person, channel: str, event: str, at: int, now: int) -> Answer:
        verdict = answer(person, channel, event, at, now)
        if verdict[0] != "REFUSED" or verdict[1] in ("STALE", "AWAITS_CUSTOMER"):
            address = person.address(channel)
            person.said.append(Said(channel, event, at, address))
            if event in OUTS and address is not None:
                self.opted_out[address] = max(at, self.opted_out.get(address, NEVER))
        return verdict

    def redact(self, person: Person, now: int) -> None:
        person.redacted = True
        for address in filter(None, person.addresses.values()):
            self.redacted.add(address)
            self.opted_out[address] = now

    def merge(self, survivor: Person, taken: Person, now: int) -> None:
        """What was said to the one that is taken in, for the address that stays, counts; an opt-out on either side is
        one of this moment."""
        out = [c for c in CHANNELS if "UNSUBSCRIBED" in (survivor.state(c), taken.state(c))]
        for channel in CHANNELS:
            if survivor.address(channel) is not None and survivor.address(channel) == taken.address(channel):
                survivor.said += taken._of(channel)
                if channel in taken.readings:
                    survivor.readings.setdefault(channel, taken.readings[channel])
        for channel in out:
            self._count(survivor, channel, "OPT_OUT", now, now)
            self._spread(survivor, channel, now, now)

    def _spread(self, person: Person, channel: str, at: int, now: int) -> None:
        """An opt-out in one phone channel is one in both; every opt-out is one for every contact that holds the address."""
        kind, channels = ("phone", PHONE) if channel in PHONE else ("email", ("email",))
        address = person.address(channel)
        holders = [one for one in self.people if address is not None and one.addresses[kind] == address]
        for holder in [person, *(one for one in holders if one is not person)]:
            for other in channels:
                if (holder, other) != (person, channel):
                    self._count(holder, other, "OPT_OUT", at, now)
