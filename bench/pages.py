"""Contact search and the contact list against the same questions in SQL written by hand; other pages as they are served.

    ./sayso bench pages [--contacts 100000] [--rounds 5]

A server of its own with two shops of that many contacts each, with states, suppressions and the search index. Ours runs
in the application's role under row-level security: twenty searches and the list through ``sayso.ui.contact_list``, and
the whole page through Django as a signed-in owner gets it. By hand they are asked as the superuser, whom no policy
binds, each in whichever of two forms is quicker. Rounds alternate, and both must find the same contacts. The shop has two
groups, one of them of everybody, and a fifth as many deliveries as contacts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import psycopg

from bench.ground import ground

if TYPE_CHECKING:
    from sayso.ui.contact_list import Filters, ListPage

T = TypeVar("T")
SMOKE = ["--contacts", "2000", "--rounds", "1"]
SHOPS = ("one.myshopify.com", "two.myshopify.com")
LEAST_SAMPLES = 40  # of a question, however few rounds: a percentile of five is none

# Names of three syllables out of sixteen, so that parts of them match some contacts and not all: 4,096 first and last
# names each. The multipliers are odd, so each number gives another name before they repeat.
FILL = """
with syllable as (select '{an,be,ca,do,el,fi,gu,ha,io,ka,lu,me,no,pa,ri,so}'::text[] as s), person as (
    select n, s[1 + n * 7 %% 16] || s[1 + n * 11 / 16 %% 16] || s[1 + n * 13 / 256 %% 16] as first,
        s[1 + n * 5 %% 16] || s[1 + n * 3 / 16 %% 16] || s[1 + n * 9 / 256 %% 16] || 'son' as last,
        '+4479' || lpad((n::bigint * 7919 %% 100000000)::text, 8, '0') as phone
    from generate_series(1, %(people)s) n, syllable)
insert into contact (shop_id, shopify_customer_id, first_name, last_name, email, email_key, phone, phone_raw, phone_key,
    tags, source, search, labels)
select %(shop)s, n, initcap(first), initcap(last), first || '.' || last || n || '@example.com', sha256(('e' || n)::bytea),
    phone, phone, sha256(('p' || n)::bytea), case when n %% 400 = 0 then '{vip,new}' else '{new}' end::varchar[], 'shopify',
    search_text(first, last, first || '.' || last || n || '@example.com', phone, phone), '{Shopify}'
from person;
insert into consent_state (shop_id, contact_id, whatsapp_state, whatsapp_address_key, whatsapp_opt_in_at)
select shop_id, id, case when id %% 3 = 0 then 'SUBSCRIBED' when id %% 700 = 0 then 'PENDING' else 'NOT_SUBSCRIBED' end,
    phone_key, now() from contact where shop_id = %(shop)s;
insert into suppression (shop_id, address_key, kind, opted_out_at, source)
select shop_id, phone_key, 'OPT_OUT', now(), 'bench' from contact where shop_id = %(shop)s and id %% 50 = 0
"""

FILL_FIRST = """
insert into contact_group (shop_id, kind, source_type, external_id, name, count_due, members_count)
select %(shop)s, 'SHOPIFY_TAG', 'tag', tag, tag, false, count(*) from contact, unnest(tags) tag where shop_id = %(shop)s
group by tag on conflict do nothing;
insert into group_member (shop_id, group_id, contact_id) select g.shop_id, g.id, c.id from contact_group g
join contact c on c.shop_id = g.shop_id and g.external_id = any (c.tags) where g.shop_id = %(shop)s
on conflict do nothing;
insert into delivery (provider, key, shop_id, topic, lane, headers, fold_key, body, state, received_at, drained_at)
select 'shopify', 'bench-' || n, %(shop)s, case n %% 3 when 0 then 'customers/update' else 'orders/updated' end, 1, '{}',
    'customer:' || n, '{}', 'DONE', now() - n * interval '10 days' / %(people)s, now() from generate_series(1, %(people)s / 5) n
"""
PAGES = {
    "lists": "/audience/lists",
    "members": "/audience/lists/{group}",
    "members_searched": "/audience/lists/{group}?q=ander",
    "profile": "/audience/contacts/{contact}",
    "sync": "/sync",
    "deliveries": "/sync/deliveries",
    "deliveries_of_one": "/sync/deliveries?q=17",
}

MATCHING = "from contact c where c.shop_id = %(shop)s and c.deleted_at is null and c.redacted_at is null"
# All matches first, by whatever index finds them, or a walk over the ids that ends early: which is quicker depends on
# how many match.
GATHER = """
with matching as materialized (select c.id {matching})
select (select count(*) from matching), {columns}
from (select id from matching order by id desc limit 51) page join contact c on c.shop_id = %(shop)s and c.id = page.id
left join consent_state s on s.shop_id = c.shop_id and s.contact_id = c.id order by c.id desc
"""
WALK = """
select (select count(*) from (select {matching} limit 10001) counted), {columns}
from (select * {matching} order by c.id desc limit 51) c
left join consent_state s on s.shop_id = c.shop_id and s.contact_id = c.id order by c.id desc
"""


def fill(connection: psycopg.Connection, shops: Sequence[int], people: int) -> None:
    for shop in shops:
        for statement in (FILL if shop != shops[0] else f"{FILL};{FILL_FIRST}").split(";"):
            connection.execute(statement.encode(), {"shop": shop, "people": people})
    connection.execute("vacuum analyze")


def terms(connection: psycopg.Connection, shop: int) -> list[str]:
    """Twenty things that people type: parts of names, e-mail addresses and phone numbers, spread over the contacts."""
    people = connection.execute(
        "select first_name, last_name, email, phone from (select *, row_number() over (order by id) as n, count(*) over ()"
        " as total from contact where shop_id = %s) c where n %% greatest(total / 7, 1) = 0 order by id limit 7",
        [shop],
    ).fetchall()
    found: list[str] = []
    for number, (first, last, email, phone) in enumerate(people):
        kinds = (
            (f"{first} {last}", first[1:5], last[:5]),
            (email, email.split("@")[0], email.split(".")[1].split("@")[0][-6:]),
            (phone, phone[-7:], f"{phone[:3]} {phone[3:7]} {phone[7:11]}"),
        )
        found.extend(kind[number % 3] for kind in kinds)
    return [*found[:18], "example.com", "nobody whatever"]


class Hand:
    """The questions as SQL by hand, on a connection that no policy binds."""

    def __init__(self, connection: psycopg.Connection, shop: int) -> None:
        self.connection, self.shop = connection, shop

    def question(self, q: str) -> Callable[[], list[Any]]:
        """The quicker form for this term, ready to be asked."""
        from sayso.contacts.queries import search_patterns
        from sayso.ui.contact_list import COLUMNS

        matching = MATCHING
        parameters: dict[str, int | str] = {"shop": self.shop}
        for number, (pattern,) in enumerate(search_patterns(q)):
            matching += f" and c.search like %(p{number})s"
            parameters[f"p{number}"] = pattern
        forms = [form.format(matching=matching, columns=COLUMNS).encode() for form in (GATHER, WALK)]
        asked = [partial(self._ask, form, parameters) for form in forms]
        return min(asked, key=lambda ask: min(timed(ask)[0] for _ in range(3)))

    def _ask(self, statement: bytes, parameters: dict[str, int | str]) -> list[Any]:
        return self.connection.execute(statement, parameters).fetchall()


def timed(ask: Callable[[], T]) -> tuple[float, T]:
    """Milliseconds, and the answer."""
    began = time.perf_counter()
    answer = ask()
    return (time.perf_counter() - began) * 1000, answer


def same(ours: ListPage, by_hand: list[Any]) -> None:
    from sayso.ui.contact_list import COUNT_CAP, PAGE

    total = by_hand[0][0] if by_hand else 0
    ids = [row[1] for row in by_hand[:PAGE]]
    if [row.contact.pk for row in ours.rows] != ids or ours.total != min(total, COUNT_CAP):
        raise SystemExit("the page and the SQL by hand found different contacts")


def percentile(samples: list[float], percent: int) -> float:
    return statistics.quantiles(samples, n=100, method="inclusive")[percent - 1]


def figures(ours: list[float], by_hand: list[float]) -> dict[str, float]:
    told: dict[str, float] = {}
    for percent in (50, 95):
        mine, raw = percentile(ours, percent), percentile(by_hand, percent)
        told |= {
            f"p{percent}_ms": round(mine, 2),
            f"raw_p{percent}_ms": round(raw, 2),
            f"ratio_p{percent}": round(mine / raw, 1),
        }
    return told


def browser() -> Callable[[str], None]:
    """Ask for a page as the signed-in owner."""
    from django.test import Client

    from sayso.shops.models import User

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(), backend="allauth.account.auth_backends.AuthenticationBackend")

    def get(path: str) -> None:
        answer = client.get(path)
        if answer.status_code != 200:
            raise SystemExit(f"{path} answered {answer.status_code}")

    return get


def measure_pages(connection: psycopg.Connection, shop: int) -> dict[str, dict[str, float]]:
    """Milliseconds of whole pages."""
    get = browser()
    row = connection.execute(
        "select (select id from contact_group where shop_id = %(shop)s order by members_count desc limit 1),"
        " (select max(id) from contact where shop_id = %(shop)s)",
        {"shop": shop},
    ).fetchone()
    group, contact = row or (0, 0)
    told = {}
    for name, path in PAGES.items():
        ask = partial(get, path.format(group=group, contact=contact))
        ask()
        samples = [timed(ask)[0] for _ in range(LEAST_SAMPLES)]
        told[name] = {f"p{percent}_ms": round(percentile(samples, percent), 1) for percent in (50, 95)}
    return told


def measure(hand: Hand, questions: Sequence[str], rounds: int, shop: int) -> dict[str, dict[str, float]]:
    """The query of ``contact_list`` and the whole page, for searches (``""`` is the list itself)."""
    from sayso.shops.tenancy import shop_context
    from sayso.ui.contact_list import Filters, fetch

    get = browser()

    def page(q: str) -> None:
        get("/audience/contacts?" + urlencode({"q": q}))

    def query(filters: Filters) -> tuple[float, ListPage]:
        with shop_context(shop):
            return timed(lambda: fetch(shop, filters))

    by_hand = {q: hand.question(q) for q in questions}
    for q in questions:  # warm, and right
        same(query(Filters(q=q))[1], by_hand[q]())
        page(q)
    queries: list[float] = []
    pages: list[float] = []
    raw: list[float] = []
    for _ in range(max(rounds, -(-LEAST_SAMPLES // len(questions)))):
        for q in questions:
            queries.append(query(Filters(q=q))[0])
            raw.append(timed(by_hand[q])[0])
            pages.append(timed(partial(page, q))[0])
    return {"query": figures(queries, raw), "page": figures(pages, raw)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=100_000, help="in each of two shops")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with ground() as (_, server):
        from sayso.config.postgres import SUPERUSER
        from sayso.config.process import require_weak_default_role, tune_garbage_collector
        from sayso.shops.models import Membership, Shop, User

        require_weak_default_role()
        tune_garbage_collector()
        shops = [Shop.objects.create(domain=domain, name=domain, address_secret="x").pk for domain in SHOPS]
        user = User.objects.create_user("bench@example.com", "a long password")
        Membership.objects.create(user=user, shop_id=shops[0], role="owner")
        with psycopg.connect(**server.parameters(SUPERUSER), autocommit=True) as connection:
            fill(connection, shops, given.contacts)
            hand = Hand(connection, shops[0])
            searched = terms(connection, shops[0])
            result = {
                "contacts": given.contacts * len(shops),
                "searches": len(searched),
                "search": measure(hand, searched, given.rounds, shops[0]),
                "list": measure(hand, [""], given.rounds, shops[0]),
                "pages": measure_pages(connection, shops[0]),
                "load_average": [round(value, 1) for value in os.getloadavg()],
            }
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
