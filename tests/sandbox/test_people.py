"""What the generator promises about a shop of a few thousand."""

from collections import Counter

import pytest

from sayso.sandbox.clock import EPOCH, parse
from sayso.sandbox.generate.baskets import Baskets
from sayso.sandbox.generate.countries import COUNTRIES
from sayso.sandbox.generate.people import People

COUNT = 4000


@pytest.fixture(scope="module")
def crowd() -> list:
    people = People(1, parse(EPOCH))
    return [people.customer(index) for index in range(1, COUNT + 1)]


def test_phones_and_mails_are_unique(crowd: list) -> None:
    phones = [one.phone for one in crowd if one.phone]
    mails = [one.email for one in crowd if one.email]
    assert len(phones) == len(set(phones)) > COUNT * 0.6
    assert len(mails) == len(set(mails)) > COUNT * 0.8


def test_ids_need_all_their_digits(crowd: list) -> None:
    assert all(one.id > 2**53 for one in crowd)
    lost = sum(int(float(one.id)) != one.id for one in crowd)
    assert lost > COUNT * 0.3
    assert len({one.id % 1000 for one in crowd}) == 1000


def test_every_consent_state_occurs(crowd: list) -> None:
    phone_states = {"SUBSCRIBED", "UNSUBSCRIBED", "PENDING", "NEVER_SUBSCRIBED", "REDACTED"}
    assert {one.sms.state for one in crowd} == {one.whatsapp.state for one in crowd} == phone_states
    assert {one.mail.state for one in crowd} == {"SUBSCRIBED", "UNSUBSCRIBED", "PENDING", "NOT_SUBSCRIBED", "INVALID"}


def test_no_phone_no_phone_consent(crowd: list) -> None:
    assert all(one.sms.state == one.whatsapp.state == "NEVER_SUBSCRIBED" for one in crowd if not one.phone)


def test_countries_scripts_and_kinds_of_people(crowd: list) -> None:
    seen = Counter(one.address.country_code for one in crowd if one.address)
    assert set(seen) == {country.code for country in COUNTRIES}
    names = "".join(f"{one.first}{one.last}" for one in crowd)
    for letter in "éßЮάمש陽김श":
        assert letter in names, letter
    local = [one for one in crowd if one.address and one.address.phone and not one.address.phone.startswith("+")]
    assert len(local) > COUNT * 0.2
    assert any(not one.phone and one.address and one.address.phone for one in crowd)
    assert any(not one.email and one.phone for one in crowd)
    assert any(not one.email and not one.phone for one in crowd)


def test_some_share_a_phone_through_their_address(crowd: list) -> None:
    owners = {one.phone for one in crowd if one.phone}
    shared = sum(one.address is not None and one.phone is None and one.address.phone in owners for one in crowd)
    assert COUNT * 0.01 < shared < COUNT * 0.04


def test_guests_are_only_in_orders(crowd: list) -> None:
    people = People(1, parse(EPOCH))
    baskets = Baskets(1, people)
    guests = [baskets.order(index, index, None) for index in range(1, 200)]
    assert all(one.customer is None and one.shipping for one in guests)
    assert {bool(one.phone) for one in guests} == {True, False}
    assert any(not one.phone and one.shipping.phone for one in guests)
