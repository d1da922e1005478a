import asyncio

import httpx
import pytest

from sayso.channels.http import Slots, http_client


class Slow(httpx.AsyncBaseTransport):
    """Notes how many requests are inside at once; fails where the path says so."""

    def __init__(self, seen: list[int]) -> None:
        self.seen, self.inside, self.closed = seen, 0, False

    async def handle_async_request(self, request):
        self.inside += 1
        self.seen.append(self.inside)
        await asyncio.sleep(0)
        self.inside -= 1
        if request.url.path == "/bad":
            raise httpx.ReadError("gone")
        return httpx.Response(200, text=request.url.path)

    async def aclose(self):
        self.closed = True


def test_a_connection_serves_one_request_at_a_time_and_comes_back_after_a_failure():
    async def run():
        seen: list[int] = []
        transports = [Slow(seen), Slow(seen)]
        async with httpx.AsyncClient(transport=Slots(2, list(transports))) as http:
            for _ in range(3):
                with pytest.raises(httpx.ReadError):
                    await http.get("https://x.example/bad")
            answers = await asyncio.gather(*[http.get(f"https://x.example/{number}") for number in range(20)])
        return seen, [answer.text for answer in answers], [transport.closed for transport in transports]

    seen, texts, closed = asyncio.run(run())
    assert set(seen) == {1}
    assert texts == [f"/{number}" for number in range(20)]
    assert closed == [True, True]


def test_the_client_waits_as_it_is_told():
    async def run():
        async with http_client(slots=2, timeout=3) as http:
            return http.timeout

    assert asyncio.run(run()) == httpx.Timeout(3, connect=5)
