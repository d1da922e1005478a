from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.shopify import values, wire

BIG = 7064055069303700841  # above 2^53, with all digits set
AT = datetime(2026, 11, 1, 12, 30, 15, tzinfo=UTC)
OFFSET_AT = "2026-11-01T07:30:15-05:00"  # the same moment, as webhooks write it


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"gid://shopify/Customer/{BIG}", BIG),
        ("gid://shopify/Customer/1?namespace=x", 1),
        (str(BIG), BIG),
        (BIG, BIG),
        (7064055069303700841.0, None),
        (True, None),
        (0, None),
        (-1, None),
        (2**63, None),
        ("", None),
        ("gid://shopify/Customer/", None),
        ("gid://shopify/Customer/٣", None),
        ("9" * 30, None),
        (None, None),
    ],
)
def test_ids(value, expected):
    assert values.numeric_id(value) == expected


@pytest.mark.parametrize(
    ("value", "micro"),
    [
        ("2026-11-01T12:30:15.123456789Z", 123456),
        ("2026-11-01T12:30:15.1Z", 100000),
        ("2026-11-01T12:30:15", 0),
        (OFFSET_AT, 0),
    ],
)
def test_times(value, micro):
    assert values.moment(value) == AT.replace(microsecond=micro)
    assert values.moment(value).tzinfo is UTC
    assert values.microseconds(value) == int(AT.timestamp()) * 1_000_000 + micro
    assert values.microseconds(values.moment(value)) == values.microseconds(value)


@pytest.mark.parametrize("value", [None, "", "soon", 5, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_times_that_are_none(value):
    assert values.moment(value) is None
    assert values.microseconds(value) == 0


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_microseconds_are_exact(at):
    assert values.microseconds(at.isoformat()) == wire.read_at(at)
