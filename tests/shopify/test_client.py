import json
from collections.abc import Callable

import httpx
import pytest

from sayso.channels.base_url import ForbiddenAddress
from sayso.shopify.connection.client import GraphQL, ShopifyError, payload

STORE = "https://ada.myshopify.com"


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.slept = 1000.0, []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds


class Tokens:
    def __init__(self) -> None:
        self.refreshed = 0

    def token(self) -> str:
        return "old" if not self.refreshed else f"new-{self.refreshed}"

    def refresh(self) -> str:
        self.refreshed += 1
        return self.token()


class Store:
    """Answers with a script, one step a request, and keeps the requests."""

    def __init__(self, *script: httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]) -> None:
        self.script, self.seen = list(script), []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step(request) if callable(step) else step

    @property
    def tokens(self) -> list[str]:
        return [request.headers["x-shopify-access-token"] for request in self.seen]


def cost(requested: float, available: float, maximum: float = 2000.0, rate: float = 100.0) -> dict:
    status = {"maximumAvailable": maximum, "currentlyAvailable": available, "restoreRate": rate}
    return {"cost": {"requestedQueryCost": requested, "actualQueryCost": 1, "throttleStatus": status}}


def good(data: dict | None = None, **extensions) -> httpx.Response:
    return httpx.Response(200, json={"data": data or {"shop": {"name": "Ada"}}, "extensions": extensions})


def throttled(requested: float, available: float, **more) -> httpx.Response:
    errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
    return httpx.Response(200, json={"errors": errors, "extensions": cost(requested, available, **more)})


def connect(store: Store, **options) -> tuple[GraphQL, Time, Tokens]:
    time, tokens = Time(), Tokens()
    client = GraphQL(
        **{"base_url": STORE, "token_source": tokens} | options,
        http=httpx.Client(transport=httpx.MockTransport(store)),
        clock=time.clock,
        sleep=time.sleep,
        chance=lambda: 1.0,
    )
    return client, time, tokens


def test_a_call():
    store = Store(good())
    client, time, _ = connect(store)
    assert client.run("bulk_poll", {"id": "gid://shopify/BulkOperation/1"}) == {"shop": {"name": "Ada"}}
    (request,) = store.seen
    assert str(request.url) == "https://ada.myshopify.com/admin/api/2026-10/graphql.json"
    assert request.headers["x-shopify-access-token"] == "old"
    sent = json.loads(request.content)
    assert sent["variables"] == {"id": "gid://shopify/BulkOperation/1"}
    assert sent["query"].startswith("query BulkPoll")
    assert time.slept == []


def test_an_older_version_gets_older_documents():
    store = Store(good())
    client, _, _ = connect(store, api_version="2026-07")
    client.run("customer_nodes", {"ids": []})
    assert store.seen[0].url.path == "/admin/api/2026-07/graphql.json"
    assert "smsMarketingConsent" not in json.loads(store.seen[0].content)["query"]


def test_a_throttled_call_waits_for_what_it_lacks():
    store = Store(throttled(requested=802, available=202), good())
    client, time, _ = connect(store)
    client.run("shop")
    assert time.slept == [6.5]  # (802 - 202) / 100, and up to half a second against everyone coming at once
    assert len(store.seen) == 2


def test_it_waits_before_sending_when_the_bucket_is_known_to_be_too_low():
    store = Store(good(extra=1, **cost(requested=800, available=300)), good(**cost(800, 300)))
    client, time, _ = connect(store)
    client.run("customer_nodes", {"ids": []})
    assert time.slept == []
    time.now += 2.0  # 500 by now
    client.run("customer_nodes", {"ids": []})
    assert time.slept == [3.0]


def test_a_document_of_unknown_cost_does_not_wait():
    store = Store(good(**cost(requested=800, available=0)), good())
    client, time, _ = connect(store)
    client.run("customer_nodes", {"ids": []})
    client.run("shop")
    assert time.slept == []


def test_a_query_dearer_than_the_bucket_is_not_waited_for():
    client, time, _ = connect(Store(throttled(requested=2500, available=2000)))
    with pytest.raises(ShopifyError) as failed:
        client.run("shop")
    assert (failed.value.code, time.slept) == ("MAX_COST_EXCEEDED", [])


def test_throttling_without_figures_and_without_end():
    errors = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}
    client, time, _ = connect(Store(*[httpx.Response(200, json=errors) for _ in range(21)]))
    with pytest.raises(ShopifyError) as failed:
        client.run("shop")
    assert (failed.value.code, failed.value.temporary, len(time.slept)) == ("THROTTLED", True, 20)
    assert min(time.slept) > 0


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(500),
        httpx.Response(503, text="<html>"),
        httpx.Response(429),
        httpx.ConnectError("no"),
        httpx.ReadTimeout("no"),
    ],
)
def test_passing_trouble_is_retried_with_growing_pauses(trouble):
    store = Store(trouble, trouble, trouble, good())
    client, time, _ = connect(store)
    assert client.run("shop") == {"shop": {"name": "Ada"}}
    assert time.slept == [0.5, 1.0, 2.0]


def test_the_pause_is_full_jitter():
    client, time, _ = connect(Store(httpx.Response(500), httpx.Response(500), good()))
    client._chance = lambda: 0.25
    client.run("shop")
    assert time.slept == [0.125, 0.25]


def test_the_store_may_say_how_long():
    client, time, _ = connect(Store(httpx.Response(429, headers={"Retry-After": "2.0"}), good()))
    client.run("shop")
    assert time.slept == [2.0]


@pytest.mark.parametrize("header", ["1e9", "-3", "nan", "soon"])
def test_but_not_how_long_at_most(header):
    client, time, _ = connect(Store(httpx.Response(429, headers={"Retry-After": header}), good()))
    client.run("shop")
    assert 0 <= time.slept[0] <= 30


def test_lasting_trouble_ends():
    store = Store(*[httpx.ConnectError("no")] * 6)
    client, time, _ = connect(store)
    with pytest.raises(ShopifyError, match="cannot be reached") as failed:
        client.run("shop")
    assert (failed.value.code, failed.value.temporary, len(time.slept)) == ("UNREACHABLE", True, 5)


def test_a_mutation_is_not_sent_twice_when_its_answer_got_lost():
    store = Store(httpx.ReadTimeout("no"))
    client, _, _ = connect(store)
    with pytest.raises(ShopifyError) as failed:
        client.run("bulk_run", {"query": "{}", "groupObjects": True})
    assert (failed.value.code, len(store.seen)) == ("ANSWER_LOST", 1)
    store.script = [httpx.ConnectError("no"), good()]  # it never left: again
    client.run("bulk_run", {"query": "{}", "groupObjects": True})


def test_an_expired_token_is_refreshed_once():
    store = Store(httpx.Response(401), good())
    client, time, tokens = connect(store)
    client.run("shop")
    assert (store.tokens, tokens.refreshed, time.slept) == (["old", "new-1"], 1, [])
    store.script = [httpx.Response(401), httpx.Response(401)]
    with pytest.raises(ShopifyError) as failed:
        client.run("shop")
    assert (failed.value.code, failed.value.temporary) == ("UNAUTHORISED", False)
    assert tokens.refreshed == 2


@pytest.mark.parametrize(
    ("status", "code"),
    [(402, "SHOP_FROZEN"), (403, "FORBIDDEN"), (404, "NOT_FOUND"), (423, "SHOP_LOCKED"), (302, "HTTP_302")],
)
def test_refusals_by_http_status(status, code):
    store = Store(httpx.Response(status, headers={"Location": "https://elsewhere.example"}))
    client, _, _ = connect(store)
    with pytest.raises(ShopifyError) as failed:
        client.run("shop")
    assert (failed.value.code, len(store.seen)) == (code, 1)


def test_an_error_of_graphql():
    error = {"message": "Denied", "path": ["shop", 0, "email"], "extensions": {"code": "ACCESS_DENIED"}}
    client, _, _ = connect(Store(httpx.Response(200, json={"errors": [error], "data": {"shop": None}})))
    with pytest.raises(ShopifyError) as failed:
        client.run("shop")
    problem = failed.value
    assert (problem.code, problem.message, problem.path) == ("ACCESS_DENIED", "Denied", "shop.0.email")
    assert (problem.errors, problem.data, str(problem)) == (
        [error],
        {"shop": None},
        "ACCESS_DENIED: Denied (shop.0.email)",
    )


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"text": "<html>"}, "BAD_ANSWER"),
        ({"json": [1]}, "BAD_ANSWER"),
        ({"json": {}}, "BAD_ANSWER"),
        ({"json": {"errors": "Not Found"}}, "GRAPHQL"),
        ({"json": {"errors": [{"message": "x"}]}}, "GRAPHQL"),
    ],
)
def test_answers_of_other_shapes(answer, code):
    client, _, _ = connect(Store(httpx.Response(200, **answer)))
    with pytest.raises(ShopifyError) as failed:
        client.run("shop")
    assert failed.value.code == code


def test_user_errors_of_a_mutation():
    refused = {
        "bulkOperationRunQuery": {
            "userErrors": [{"field": ["query"], "message": "busy", "code": "OPERATION_IN_PROGRESS"}]
        }
    }
    with pytest.raises(ShopifyError) as failed:
        payload(refused, "bulkOperationRunQuery")
    assert (failed.value.code, failed.value.message, failed.value.path) == ("OPERATION_IN_PROGRESS", "busy", "query")
    with pytest.raises(ShopifyError) as failed:
        payload({"w": {"userErrors": [{"field": None, "message": "taken"}]}}, "w")
    assert failed.value.code == "USER_ERROR"
    assert payload({"w": {"userErrors": [], "id": 1}}, "w") == {"userErrors": [], "id": 1}


def test_ids_keep_all_their_digits():
    text = '{"data": {"id": 7064055069303700841, "list": [9007199254740993]}}'
    client, _, _ = connect(Store(httpx.Response(200, text=text)))
    assert client.run("shop") == {"id": 7064055069303700841, "list": [9007199254740993]}


def test_a_sandbox_connection_speaks_to_this_machine_only():
    with pytest.raises(ForbiddenAddress):
        connect(Store(), sandbox=True)
    with pytest.raises(ForbiddenAddress):
        connect(Store(), base_url="http://127.0.0.1:9000")
    client, _, _ = connect(Store(good()), base_url="http://127.0.0.1:9000/", sandbox=True)
    client.run("shop")


def test_it_closes_what_it_opened():
    given = httpx.Client()
    with GraphQL(STORE, Tokens(), http=given):
        pass
    assert not given.is_closed
    with GraphQL(STORE, Tokens()) as client:
        own = client._http
    assert own.is_closed
    given.close()
