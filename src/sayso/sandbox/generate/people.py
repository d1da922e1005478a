"""One customer after the other, out of a seeded random generator."""

from datetime import datetime
from itertools import accumulate
from random import Random

from ..clock import before
from ..identifiers import number
from ..records import Address, Consent, Customer
from .countries import COUNTRIES, Country, e164, local_form, mobile

# weights of (state, opt-in level) per channel: every state occurs in a shop of a few hundred
_SMS = (
    ("SUBSCRIBED", "SINGLE_OPT_IN", 34),
    ("SUBSCRIBED", "CONFIRMED_OPT_IN", 8),
    ("SUBSCRIBED", "UNKNOWN", 3),
    ("NEVER_SUBSCRIBED", None, 34),
    ("UNSUBSCRIBED", "SINGLE_OPT_IN", 12),
    ("PENDING", "CONFIRMED_OPT_IN", 7),
    ("REDACTED", None, 2),
)
_WHATSAPP = (
    ("SUBSCRIBED", "SINGLE_OPT_IN", 28),
    ("SUBSCRIBED", "CONFIRMED_OPT_IN", 7),
    ("NEVER_SUBSCRIBED", None, 48),
    ("UNSUBSCRIBED", "SINGLE_OPT_IN", 10),
    ("PENDING", "CONFIRMED_OPT_IN", 5),
    ("REDACTED", None, 2),
)
_MAIL = (
    ("SUBSCRIBED", "SINGLE_OPT_IN", 42),
    ("SUBSCRIBED", "CONFIRMED_OPT_IN", 10),
    ("NOT_SUBSCRIBED", None, 28),
    ("UNSUBSCRIBED", "SINGLE_OPT_IN", 12),
    ("PENDING", "CONFIRMED_OPT_IN", 5),
    ("INVALID", None, 3),
)
_TAGS = ("vip", "newsletter", "wholesale", "winter-sale", "loyalty", "instagram", "Größe L", "öko", "birthday-june")
_HOSTS = ("example.com", "example.org", "example.net", "mail.example")
_STATES = ("DISABLED",) * 6 + ("ENABLED",) * 3 + ("INVITED",)
_COUNTRY_BY_PERCENT = tuple(country for country in COUNTRIES for _ in range(country.weight))


def _table(rows: tuple[tuple[str, str | None, int], ...]) -> tuple[tuple[str, str | None], ...]:
    ends = list(accumulate(weight for *_, weight in rows))
    return tuple(next(rows[i][:2] for i, end in enumerate(ends) if slot < end) for slot in range(ends[-1]))


_SMS_TABLE, _WHATSAPP_TABLE, _MAIL_TABLE = _table(_SMS), _table(_WHATSAPP), _table(_MAIL)


class People:
    """Makes customers; keeps count of each country's numbers so that no phone repeats.

    `lane` shifts the numbers, so that a second shop of the same process has other people.
    """

    def __init__(self, seed: int, epoch: datetime, lane: int = 0) -> None:
        self.random = Random(f"people {seed} {lane}")
        self.epoch = epoch
        self.lane = lane
        self.counts = dict.fromkeys((country.code for country in COUNTRIES), lane * 200_000)
        self.recent: list[str] = []

    def country(self) -> Country:
        """A country, by weight."""
        return _COUNTRY_BY_PERCENT[int(self.random.random() * len(_COUNTRY_BY_PERCENT))]

    def next_mobile(self, country: Country) -> str:
        """A national number nobody has yet."""
        self.counts[country.code] += 1
        return mobile(country, self.counts[country.code])

    def consent(self, table: tuple[tuple[str, str | None], ...], created: float) -> Consent:
        """A consent out of `table`, given between `created` seconds before the epoch and the epoch."""
        state, level = table[int(self.random.random() * len(table))]
        if level is None and state != "REDACTED":
            return Consent(state)
        collected = "SHOPIFY" if self.random.random() < 0.8 else "OTHER"
        return Consent(state, level, before(self.epoch, self.random.random() * created), collected)

    def address(self, country: Country, first: str | None, last: str | None, index: int, phone: str | None) -> Address:
        """A postal address in `country`."""
        roll = self.random.random
        city, code, province, province_code = country.cities[int(roll() * len(country.cities))]
        street = country.streets[int(roll() * len(country.streets))]
        return Address(
            number("MailingAddress", index),
            first,
            last,
            country.code,
            country.name,
            city,
            code,
            f"{street} {int(roll() * 180) + 1}",
            province=province,
            province_code=province_code,
            phone=phone,
        )

    def customer(self, index: int) -> Customer:
        """The `index`-th customer (from 1), created up to three years before the epoch."""
        roll = self.random.random
        country = self.country()
        first = country.first[int(roll() * len(country.first))]
        last = country.last[int(roll() * len(country.last))]
        age = roll() * 94_000_000
        national = self.next_mobile(country)
        kind = roll()  # who has a phone, and where
        phone = e164(country, national) if kind < 0.72 else None
        email = (
            f"{country.code.lower()}.{self.lane}{index:06d}@{_HOSTS[index % 4]}"
            if roll() < 0.93 or kind > 0.97
            else None
        )
        if kind < 0.50:
            written = phone if roll() < 0.4 else local_form(country, national)
        elif kind < 0.80:
            written = None if kind < 0.72 else local_form(country, national)
        elif kind < 0.88:
            written = e164(country, national)
        elif kind < 0.90 and self.recent:
            # a household: the address carries a phone that is another customer's own
            written = self.recent[int(roll() * len(self.recent))]
        else:
            written = None
        if phone and index % 7 == 0:
            self.recent = [*self.recent[-30:], phone]
        tags = [tag for tag in _TAGS if roll() < 0.11]
        made = Customer(
            number("Customer", index),
            before(self.epoch, age),
            before(self.epoch, roll() * age),
            first,
            last,
            email,
            phone,
            country.locale if roll() < 0.8 else "en",
            _STATES[int(roll() * 10)],
            "Prefers a call in the evening" if roll() < 0.03 else None,
            tags,
            roll() < 0.85,
        )
        if roll() < 0.01:
            made.first = made.last = None
        if roll() < 0.96:
            made.address = self.address(country, made.first, made.last, index, written)
        if phone:
            made.sms = self.consent(_SMS_TABLE, age)
            made.whatsapp = self.consent(_WHATSAPP_TABLE, age)
        if email:
            made.mail = self.consent(_MAIL_TABLE, age)
        return made
