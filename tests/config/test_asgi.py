from __future__ import annotations

import json
import time

import httpx
import pytest
from django.db import connection
from tests.serving import serving
from tests.waiting import until

from sayso.config import environment, process, stamp
from sayso.config.asgi import Application
from sayso.events import live
from sayso.intake.models import Delivery

pytestmark = pytest.mark.usefixtures("committed_shop")


def announce(**news: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify('sayso_live', %s)", [json.dumps(news)])


def listens() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select 1 from pg_stat_activity where datname = current_database() and query = %s",
                       ['listen "sayso_live"'])  # fmt: skip
        return cursor.fetchone() is not None


def test_pages_are_djangos(server: str):
    assert "Sign in" in httpx.get(f"{server}/accounts/login/").text


def test_a_stream_tells_of_its_own_shop_alone(server: str):
    until(listens)
    with httpx.stream("GET", f"{server}/live", params={"token": live.issue(1, 7)}, timeout=5) as response:
        assert response.headers["content-type"] == "text/event-stream"
        lines = response.iter_raw()
        assert next(lines) == b": open\n\n"
        announce(shop=8, contacts=[1])
        announce(shop=7, contacts=[17, 18])
        assert next(lines) == b"event: contacts\ndata: [17, 18]\n\n"
        announce(shop=7, campaign=3)
        assert next(lines) == b"event: campaign\ndata: 3\n\n"
        announce(shop=7, contacts="many")
        assert next(lines) == b"event: contacts\ndata: many\n\n"


def test_a_slow_page_is_told_of_everything_at_once():
    stream = live._Stream()
    for number in range(3):
        stream.tell("contacts", [number, 0])
    assert stream.take() == b"event: contacts\ndata: [0, 1, 2]\n\n"
    stream.tell("contacts", list(range(live.MOST_IDS + 1)))
    stream.tell("contacts", [5])
    assert stream.take() == b"event: contacts\ndata: many\n\n"
    assert stream.take() == b""


@pytest.mark.parametrize("token", ["", "forged", "a:b:c"])
def test_a_stream_wants_a_token(server: str, token: str):
    assert httpx.get(f"{server}/live", params={"token": token}).status_code == 403


def test_an_old_token_opens_nothing(server: str, monkeypatch: pytest.MonkeyPatch):
    token = live.issue(1, 7)
    monkeypatch.setattr(live, "MAX_AGE", -1)
    assert httpx.get(f"{server}/live", params={"token": token}).status_code == 403


def test_a_stream_ends_with_its_token(server: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "read", lambda _: (7, time.time() + 0.3))
    monkeypatch.setattr(live, "PING", 0.1)
    answer = httpx.get(f"{server}/live", params={"token": "any"}, timeout=5)
    assert answer.text.startswith(": open\n\n: ping\n\n")


def test_readiness_names_what_is_missing(server: str, monkeypatch: pytest.MonkeyPatch):
    assert httpx.get(f"{server}/readyz").json() == {"status": "ready", "problems": []}
    monkeypatch.setattr(stamp, "expected", lambda: "sayso other")
    answer = httpx.get(f"{server}/readyz")
    assert answer.status_code == 503
    assert "migrated" in answer.json()["problems"][0]


def test_metrics_count_and_name_nobody(server: str, committed_shop):
    Delivery.objects.create(provider="shopify", key="k", shop_id=committed_shop.pk, topic="t", body=b"")
    text = httpx.get(f"{server}/metrics").text
    assert "sayso_database_up 1.0" in text
    assert "sayso_drain_lag_seconds" in text
    assert committed_shop.domain not in text


def test_metrics_are_for_this_machine_or_a_token(server: str, monkeypatch: pytest.MonkeyPatch):
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    assert httpx.get(f"{server}/metrics", headers=elsewhere).status_code == 403
    monkeypatch.setattr(environment, "get", lambda name, default="": "secret")
    assert httpx.get(f"{server}/metrics", headers=elsewhere | {"Authorization": "Bearer no"}).status_code == 403
    assert httpx.get(f"{server}/metrics", headers=elsewhere | {"Authorization": "Bearer secret"}).status_code == 200


def test_it_refuses_to_start_as_the_owner(monkeypatch: pytest.MonkeyPatch):
    from sayso.events.listen import connection_parameters

    monkeypatch.setattr(process, "connection_parameters", lambda: connection_parameters("owner"))
    with pytest.raises(process.TooStrong, match="owns tables"):
        process.require_weak_default_role()
    with pytest.raises(RuntimeError, match="refused to start"), serving(Application()):
        pass
