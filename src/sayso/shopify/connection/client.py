"""A thin client of the Admin GraphQL API: waits where the store's bucket is empty, retries what can be retried."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import httpx
import msgspec

from sayso.channels.base_url import check_base_url
from sayso.channels.json import Unreadable, decode, mapping, mappings, text

from ..documents import NEWEST, load
from .throttle import Bucket

API_VERSION = NEWEST
ATTEMPTS = 6
FIRST_PAUSE = 0.5  # seconds; doubles with every attempt
LONGEST_PAUSE = 30.0
THROTTLED_PAUSES = 20  # a store that other apps keep empty: give up after this many

# The request did not reach the store.
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_BY_HTTP_STATUS = {
    401: ("UNAUTHORISED", "the store does not accept the access token; connect it again"),
    402: ("SHOP_FROZEN", "the store has unpaid bills at Shopify and is frozen"),
    403: ("FORBIDDEN", "the app may not use the store"),
    404: ("NOT_FOUND", "there is no such store, or not this version of the API"),
    423: ("SHOP_LOCKED", "Shopify has locked the store"),
    430: ("SHOP_LOCKED", "Shopify holds our requests for unsafe"),
}
_TEMPORARY = frozenset({"UNREACHABLE", "ANSWER_LOST", "THROTTLED", "INTERNAL_SERVER_ERROR", "TIMEOUT"})


class ShopifyError(Exception):
    """A call that failed for good.

    ``code`` is Shopify's (``ACCESS_DENIED``, ``NOT_FOUND`` …), the code of a user error, or ours; ``path`` leads to the
    field; ``errors`` are all errors of the answer and ``data`` what came with them.
    """

    def __init__(
        self,
        code: str,
        message: str,
        path: str = "",
        *,
        errors: list[dict[str, Any]] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}" + (f" ({path})" if path else ""))
        self.code, self.message, self.path = code, message, path
        self.errors, self.data = errors or [], data or {}

    @property
    def temporary(self) -> bool:
        """Whether the same call may succeed later without anyone doing anything."""
        return self.code in _TEMPORARY


class TokenSource(Protocol):
    """Where access tokens come from, see :mod:`.signin`. Both raise what the sign-in raises."""

    def token(self) -> str:
        """A token that should hold."""

    def refresh(self) -> str:
        """A new token, because the store has just refused the last one."""


class GraphQL:
    """The Admin API of one store. Not for several threads at once.

    ``sandbox`` connections speak to this machine only, real ones never to it. Waiting is done by ``sleep``; ``clock``
    is monotonic, in seconds.
    """

    def __init__(
        self,
        base_url: str,
        token_source: TokenSource,
        api_version: str = API_VERSION,
        *,
        sandbox: bool = False,
        http: httpx.Client | None = None,
        attempts: int = ATTEMPTS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._url = f"{check_base_url(base_url, sandbox=sandbox)}/admin/api/{api_version}/graphql.json"
        self._version = api_version
        self._tokens = token_source
        self._own_http = http is None
        # A proxy of the environment is for the world, not for this machine.
        self._http = http or httpx.Client(timeout=httpx.Timeout(60.0, connect=10.0), trust_env=not sandbox)
        self._attempts = attempts
        self._sleep, self._chance = sleep, chance
        self._bucket = Bucket(clock)
        self._costs: dict[str, float] = {}

    def close(self) -> None:
        """Close the connections, unless the HTTP client is the caller's."""
        if self._own_http:
            self._http.close()

    def __enter__(self) -> GraphQL:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a document by the name of its file and return ``data``.

        Raises :class:`ShopifyError`. A mutation whose answer got lost is not sent twice (``ANSWER_LOST``); a store that
        answers 429 or 5xx is asked again.
        """
        query = load(document, self._version)
        return self._run(document, query, dict(variables or {}), repeatable=not query.startswith("mutation"))

    def run_text(self, name: str, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Send a document that was put together for this call; its cost is remembered under ``name``. It must be one
        that may be sent twice: where an answer got lost it is. Raises :class:`ShopifyError`."""
        return self._run(name, query, dict(variables), repeatable=True)

    def _run(self, name: str, query: str, variables: dict[str, Any], *, repeatable: bool) -> dict[str, Any]:
        content = msgspec.json.encode({"query": query, "variables": variables})
        token, refreshed, failures, throttled = self._tokens.token(), False, 0, 0
        while True:
            self._wait_for_points(name)
            response = self._post(content, token, repeatable)
            if response is not None and response.status_code == 401 and not refreshed:
                token, refreshed = self._tokens.refresh(), True
                continue
            if response is None or response.status_code == 429 or response.is_server_error:
                failures += 1
                if failures >= self._attempts:
                    raise ShopifyError("UNREACHABLE", _trouble(response))
                self._pause(failures, response)
                continue
            answer = _answer(response)
            cost = mapping(answer.get("extensions")).get("cost")
            points = self._bucket.learn(cost)
            if points is not None:
                self._costs[name] = points
            errors = mappings(answer.get("errors"))
            if not errors:
                return mapping(answer.get("data"))
            error = _error(errors, mapping(answer.get("data")))
            throttled += 1
            if error.code != "THROTTLED" or throttled > THROTTLED_PAUSES:
                raise error
            self._wait_after_throttling(points, error)

    def _post(self, content: bytes, token: str, repeatable: bool) -> httpx.Response | None:
        """One request. None: it failed on the way and may be sent again."""
        headers = {"X-Shopify-Access-Token": token, "Content-Type": "application/json"}
        try:
            return self._http.post(self._url, content=content, headers=headers, follow_redirects=False)
        except _NOT_CONNECTED:
            return None
        except httpx.HTTPError as error:
            if repeatable:
                return None
            raise ShopifyError("ANSWER_LOST", f"the store's answer got lost ({type(error).__name__})") from error

    def _wait_for_points(self, name: str) -> None:
        wait = self._bucket.wait_for(self._costs.get(name, 0.0))
        if wait > 0:
            self._sleep(wait)

    def _wait_after_throttling(self, points: float | None, error: ShopifyError) -> None:
        """(requested − available) / restoreRate seconds, and a little more, for others wait for the same moment."""
        if points is not None and self._bucket.maximum and points > self._bucket.maximum:
            raise ShopifyError(
                "MAX_COST_EXCEEDED", f"costs {points:.0f} points of {self._bucket.maximum:.0f}"
            ) from error
        wait = self._bucket.wait_for(points or self._bucket.maximum) or FIRST_PAUSE
        self._sleep(wait + self._chance() * FIRST_PAUSE)

    def _pause(self, failures: int, response: httpx.Response | None) -> None:
        """Full jitter (AWS Architecture Blog, *Exponential backoff and jitter*), or what the store asks for."""
        asked = response.headers.get("retry-after", "") if response is not None else ""
        try:
            seconds = float(asked)
        except ValueError:
            seconds = self._chance() * FIRST_PAUSE * 2 ** (failures - 1)
        self._sleep(max(0.0, min(seconds, LONGEST_PAUSE)))


def payload(data: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The payload of a mutation. Raises :class:`ShopifyError` for its first user error (code, or ``USER_ERROR``)."""
    found = mapping(data.get(field))
    errors = mappings(found.get("userErrors"))
    if errors:
        first = errors[0]
        path = ".".join(str(step) for step in first.get("field") or [])
        raise ShopifyError(
            text(first.get("code")) or "USER_ERROR", text(first.get("message")) or "", path, errors=errors, data=data
        )
    return found


def _answer(response: httpx.Response) -> dict[str, Any]:
    if not response.is_success:
        code, message = _BY_HTTP_STATUS.get(response.status_code, (f"HTTP_{response.status_code}", "refused"))
        raise ShopifyError(code, message)
    try:
        answer = decode(response.content)
    except Unreadable as error:
        raise ShopifyError("BAD_ANSWER", "the store's answer is no JSON") from error
    if not isinstance(answer, dict) or not ("data" in answer or "errors" in answer):
        raise ShopifyError("BAD_ANSWER", "the store's answer is no GraphQL")
    if isinstance(answer.get("errors"), str):
        raise ShopifyError("GRAPHQL", answer["errors"])
    return answer


def _error(errors: list[dict[str, Any]], data: dict[str, Any]) -> ShopifyError:
    first = next((error for error in errors if _code(error) == "THROTTLED"), errors[0])
    path = first.get("path")
    steps = [str(step) for step in path] if isinstance(path, list) else []
    return ShopifyError(_code(first), text(first.get("message")) or "", ".".join(steps), errors=errors, data=data)


def _code(error: dict[str, Any]) -> str:
    return text(mapping(error.get("extensions")).get("code")) or "GRAPHQL"


def _trouble(response: httpx.Response | None) -> str:
    return "the store cannot be reached" if response is None else f"the store answers HTTP {response.status_code}"
