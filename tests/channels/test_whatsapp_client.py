import asyncio
import json

import httpx
import pytest

from sayso.channels.base_url import ForbiddenAddress
from sayso.channels.whatsapp.client import AnswerLost, GraphError, NoConnection, WhatsApp, body
from sayso.channels.whatsapp.errors import Retry
from sayso.channels.whatsapp.types import Accepted, MediaMessage, Refused, TemplateMessage, TextMessage

BASE = "https://graph.facebook.com"
HELLO = TextMessage("Hello", to="+16505551234", callback_data="m:17")
TAKEN = {
    "messaging_product": "whatsapp",
    "contacts": [{"input": "+16505551234", "wa_id": "16505551234", "user_id": "US.134"}],
    "messages": [{"id": "wamid.OUT", "message_status": "accepted"}],
}


def send(handler, message=HELLO, **options) -> Accepted | Refused:
    async def run():
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
            return await WhatsApp(http, **{"base_url": BASE, "token": "t0ken"} | options).send("1065", message)

    return asyncio.run(run())


def answering(status: int, document=None, **more):
    return lambda request: httpx.Response(status, **({"json": document} if document is not None else {}), **more)


def raising(error: type[httpx.HTTPError]):
    def handler(request):
        raise error("no")

    return handler


def test_an_accepted_message():
    seen = []

    def handler(request):
        seen.append(request)
        return httpx.Response(200, json=TAKEN)

    assert send(handler) == Accepted("wamid.OUT", "16505551234", "US.134", "accepted")
    (request,) = seen
    assert str(request.url) == "https://graph.facebook.com/v26.0/1065/messages"
    assert request.headers["authorization"] == "Bearer t0ken"
    assert json.loads(request.content) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "16505551234",
        "type": "text",
        "text": {"body": "Hello", "preview_url": False},
        "biz_opaque_callback_data": "m:17",
    }


def test_the_version_is_a_setting():
    def handler(request):
        assert request.url.path == "/v23.0/1065/messages"
        return httpx.Response(200, json=TAKEN)

    assert isinstance(send(handler, version="v23.0"), Accepted)


def test_a_refusal_is_read_with_the_table():
    error = {"message": "(#131026)", "code": 131026, "error_data": {"details": "no WhatsApp"}, "fbtrace_id": "Az8"}
    refused = send(answering(400, {"error": error}))
    assert isinstance(refused, Refused)
    assert (refused.failure.code, refused.failure.retry, refused.failure.details) == (
        "CUSTOMER_IS_UNREACHABLE",
        Retry.NO,
        "no WhatsApp",
    )
    assert (refused.http_status, refused.trace_id) == (400, "Az8")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "CHANNEL_IS_NOT_CONNECTED"),
        (403, "CHANNEL_IS_NOT_CONNECTED"),
        (429, "CHANNEL_IS_RATE_LIMITED"),
        (404, "MESSAGE_IS_REJECTED"),
    ],
)
def test_a_refusal_without_json_goes_by_its_http_status(status, code):
    refused = send(answering(status, text="<html>", headers={"Retry-After": "7"}))
    assert isinstance(refused, Refused)
    assert (refused.failure.code, refused.failure.provider_code, refused.retry_after) == (code, None, 7.0)


def test_a_server_error_with_a_code_is_an_answer():
    refused = send(answering(500, {"error": {"code": 131000, "message": "Something went wrong"}}))
    assert isinstance(refused, Refused)
    assert refused.failure.retry is Retry.LATER


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_nothing_left_without_a_connection(error):
    with pytest.raises(NoConnection):
        send(raising(error))


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout,
        httpx.WriteTimeout,
        httpx.ReadError,
        httpx.WriteError,
        httpx.RemoteProtocolError,
        httpx.CloseError,
    ],
)
def test_after_that_it_may_have_left(error):
    with pytest.raises(AnswerLost):
        send(raising(error))


@pytest.mark.parametrize(
    "handler",
    [
        answering(502, text="Bad gateway"),
        answering(504),
        answering(200, {}),
        answering(200, text="OK"),
        answering(200, [1]),
    ],
)
def test_an_answer_that_says_neither_yes_nor_no(handler):
    with pytest.raises(AnswerLost):
        send(handler)


def test_templates_come_page_by_page():
    asked = []

    def handler(request):
        asked.append(request.url.params.get("after"))
        assert request.url.path == "/v26.0/1022/message_templates"
        page = {None: ("a", "one", True), "one": ("b", "two", True), "two": ("c", "three", False)}
        name, after, more = page[asked[-1]]
        paging = {"cursors": {"after": after}} | ({"next": f"{BASE}/?access_token=t0ken"} if more else {})
        return httpx.Response(200, json={"data": [{"name": name}], "paging": paging})

    async def run():
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
            return [template["name"] async for template in WhatsApp(http, base_url=BASE, token="t").templates("1022")]

    assert asyncio.run(run()) == ["a", "b", "c"]
    assert asked == [None, "one", "two"]


def test_templates_refused():
    async def run():
        transport = httpx.MockTransport(answering(401, {"error": {"code": 190, "message": "expired"}}))
        async with httpx.AsyncClient(transport=transport) as http:
            return [template async for template in WhatsApp(http, base_url=BASE, token="t").templates("1022")]

    with pytest.raises(GraphError, match="190: expired"):
        asyncio.run(run())


def test_bodies():
    template = TemplateMessage("spring", "en_US", recipient="US.134", components=({"type": "body", "parameters": []},))
    assert body(template) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "recipient": "US.134",
        "type": "template",
        "template": {
            "name": "spring",
            "language": {"code": "en_US"},
            "components": [{"type": "body", "parameters": []}],
        },
    }
    image = body(MediaMessage("image", to="4911", link="https://cdn.example/a.jpg", caption="A", reply_to="wamid.IN"))
    assert image["image"] == {"link": "https://cdn.example/a.jpg", "caption": "A"}
    assert image["context"] == {"message_id": "wamid.IN"}
    for wrong in (
        TextMessage("x"),
        MediaMessage("image", to="1"),
        MediaMessage("image", to="1", link="l", media_id="i"),
    ):
        with pytest.raises(ValueError, match="needs a"):
            body(wrong)


def test_a_real_connection_never_speaks_to_this_machine():
    with pytest.raises(ForbiddenAddress):
        send(answering(200, TAKEN), base_url="http://127.0.0.1:9000")
    with pytest.raises(ForbiddenAddress):
        send(answering(200, TAKEN), sandbox=True)
    assert isinstance(send(answering(200, TAKEN), base_url="http://127.0.0.1:9000", sandbox=True), Accepted)
