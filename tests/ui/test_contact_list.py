"""The contact list: searching, filtering, paging, counting."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.http import QueryDict
from django.test import Client
from pytest_django.asserts import assertNumQueries

from sayso.consent.events import Channel
from sayso.contacts.queries import search_patterns
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context
from sayso.ui import contact_list
from sayso.ui.contact_list import Filters

from .conftest import say

Make = Callable[..., int]


def ids(shop: Shop, address: str = "") -> list[int]:
    filters = Filters.read(QueryDict(address), "whatsapp")
    return [row.contact.pk for row in contact_list.fetch(shop.pk, filters).rows]


@pytest.mark.parametrize(
    ("typed", "patterns"),
    [
        ("Anna", [("%anna%",)]),
        ("  Anna  SMITH ", [("%anna%",), ("%smith%",)]),
        ("50%_off", [(r"%50\%\_off%",)]),
        ("a\\b", [(r"%a\\b%",)]),
        ("+49 151 123-45", [("%4915112345%",)]),
        ("0151 12345", [("%15112345%",)]),
        ("0049 (151) 12345", [("%4915112345%",)]),
        ("+49", [("%+49%",)]),
        ("Al", [("al%", "% al%")]),
        ("", []),
        ("+", []),
        ("anna@example.com", [("%anna@example.com%",)]),
    ],
)
def test_what_is_typed_becomes_patterns(typed: str, patterns: list[tuple[str, ...]]) -> None:
    assert search_patterns(typed) == patterns


def test_newest_first_and_only_this_shop(shop: Shop, make_contact: Make, make_shop: Callable[..., Shop]) -> None:
    first, second = make_contact("Ada"), make_contact("Bea")
    other = make_shop()
    with shop_context(other.pk):
        assert ids(other) == []
    with shop_context(shop.pk):
        assert ids(shop) == [second, first]


@pytest.mark.parametrize("typed", ["yro", "BYRON", "ada byr", "ada.1@exam", "+49 151 12", "0151 12000001", "49151"])
def test_search_finds_parts_of_name_email_and_phone(shop: Shop, make_contact: Make, typed: str) -> None:
    ada = make_contact("Ada", "Byron")
    make_contact("Ben", "Stone", phone=None)
    query = QueryDict(mutable=True)
    query["q"] = typed
    assert ids(shop, query.urlencode()) == [ada]


def test_wildcards_are_letters(shop: Shop, make_contact: Make) -> None:
    make_contact("Ada")
    assert ids(shop, "q=%25") == []
    assert ids(shop, "q=A_a") == []


def test_filter_by_state_of_a_channel(shop: Shop, make_contact: Make) -> None:
    yes, no, asked, silent = (make_contact(name) for name in ("Yes", "No", "Asked", "Silent"))
    say(yes, "OPT_IN")
    say(no, "OPT_OUT")
    say(asked, "OPT_IN_UNCONFIRMED")
    assert ids(shop, "state=SUBSCRIBED") == [yes]
    assert ids(shop, "state=UNSUBSCRIBED") == [no]
    assert ids(shop, "state=UNSUBSCRIBED&channel=sms") == [no]  # an opt-out in one phone channel is one in both
    assert ids(shop, "state=SUBSCRIBED&channel=sms") == []
    assert ids(shop, "state=UNKNOWN") == [silent]
    assert ids(shop, "view=awaiting") == [asked]
    assert ids(shop, "state=NONSENSE&channel=pigeon") == [silent, asked, no, yes]


def test_filter_by_tags(shop: Shop, make_contact: Make) -> None:
    both, one = make_contact("Both", tags=["vip", "wholesale"]), make_contact("One", tags=["vip"])
    assert ids(shop, "tag=vip") == [one, both]
    assert ids(shop, "tag=vip&tag=wholesale") == [both]
    assert ids(shop, "tag=vip&q=bot") == [both]


def test_excluded_and_deleted(shop: Shop, make_contact: Make) -> None:
    seen = make_contact("Seen")
    excluded = make_contact("Excluded", excluded=True)
    deleted = make_contact("Deleted", deleted=True)
    assert ids(shop) == [excluded, seen]
    assert ids(shop, "view=excluded") == [excluded]
    assert ids(shop, "view=deleted") == [deleted]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(contact_list, "PAGE", 2)
    return


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("address", ["", "state=SUBSCRIBED", "q=a", "state=UNKNOWN&channel=email"])
def test_paging_shows_everybody_once_both_ways(shop: Shop, make_contact: Make, address: str) -> None:
    made = [make_contact("Ada") for _ in range(5)]
    for contact_id in made:
        say(contact_id, "OPT_IN")
    seen, page = [], contact_list.fetch(shop.pk, Filters.read(QueryDict(address), "whatsapp"))
    assert page.newer is None
    while True:
        seen += [row.contact.pk for row in page.rows]
        if page.older is None:
            break
        page = contact_list.fetch(shop.pk, Filters.read(QueryDict(f"{address}&before={page.older}"), "whatsapp"))
    assert seen == made[::-1]
    back = [row.contact.pk for row in page.rows]
    while page.newer is not None:
        page = contact_list.fetch(shop.pk, Filters.read(QueryDict(f"{address}&after={page.newer}"), "whatsapp"))
        back = [row.contact.pk for row in page.rows] + back
    assert back == made[::-1]


def test_counting_stops_at_the_cap(shop: Shop, make_contact: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        make_contact("Ada")
    page = contact_list.fetch(shop.pk, Filters())
    assert (page.total, page.capped) == (3, False)
    monkeypatch.setattr(contact_list, "COUNT_CAP", 2)
    page = contact_list.fetch(shop.pk, Filters())
    assert (page.total, page.capped) == (2, True)


@pytest.mark.parametrize(("filters", "queries"), [(Filters(), 2), (Filters(q="ada"), 4)])
def test_the_number_of_queries_does_not_grow(shop: Shop, make_contact: Make, filters: Filters, queries: int) -> None:
    for _ in range(4):
        make_contact("Ada", tags=["vip"])
    with assertNumQueries(queries):
        contact_list.fetch(shop.pk, filters)


def test_many_matches_are_walked_with_the_same_result(
    shop: Shop, make_contact: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make_contact("Ada", tags=["vip"]) for _ in range(4)]
    monkeypatch.setattr(contact_list, "COUNT_CAP", 2)
    assert ids(shop, "q=ada") == ids(shop, "tag=vip") == made[::-1]


def test_one_or_two_characters_begin_a_word(shop: Shop, make_contact: Make) -> None:
    ada = make_contact("Ada", "Byron")
    make_contact("Zoe", "Badar", phone=None)
    assert ids(shop, "q=a") == ids(shop, "q=ad") == [ada]
    assert ids(shop, "q=ad+by") == [ada]


def test_numbers_that_are_none_are_left_out() -> None:
    filters = Filters.read(QueryDict("before=99999999999999999999999&after=²"), "whatsapp")
    assert (filters.before, filters.after) == (None, None)


def test_the_page_and_its_part(owner_client: Client, make_contact: Make) -> None:
    contact_id = make_contact("Ada", "Byron", tags=["vip"])
    say(contact_id, "OPT_IN", Channel.EMAIL)
    page = owner_client.get("/audience/contacts").content.decode()
    assert "Ada Byron" in page
    assert f'href="/audience/contacts/{contact_id}"' in page
    assert "1 contact" in page
    part = owner_client.get("/audience/contacts?q=ada", headers={"HX-Request": "true"})
    assert b"<html" not in part.content
    assert b"Ada Byron" in part.content
    assert "HX-Request" in part.headers["Vary"]


def test_empty_states_say_what_to_do(owner_client: Client) -> None:
    assert b"See the import" in owner_client.get("/audience/contacts").content
    assert b"Show all contacts" in owner_client.get("/audience/contacts?q=nobody").content


@pytest.mark.parametrize("address", ["q=%00", "tag=%00", "q=" + "x" * 5000, "before=x", "state=%F0%9F%98%80"])
def test_nonsense_is_no_error(owner_client: Client, address: str) -> None:
    assert owner_client.get(f"/audience/contacts?{address}").status_code == 200
