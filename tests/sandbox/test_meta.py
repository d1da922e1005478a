"""The Cloud API: what it refuses, what it reports, and how sends go wrong."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest

from sayso.sandbox.testing import APP_SECRET, PHONE_NUMBER_ID, TOKEN, WABA_ID, Sandbox, SandboxError

TO = "4915112345678"


def template(name: str = "order_shipped", language: str = "en", *parameters: str, to: str = TO, **more: object) -> dict:
    parts = (
        [{"type": "body", "parameters": [{"type": "text", "text": one} for one in parameters]}] if parameters else []
    )
    return {
        "messaging_product": "whatsapp",
        "to": to,
        "type": "template",
        "template": {"name": name, "language": {"code": language}, "components": parts},
        **more,
    }


def code(reply: httpx.Response) -> int:
    return reply.json()["error"]["code"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"to": TO, "type": "text", "text": {"body": "x"}}, 100),
        ({"messaging_product": "whatsapp", "type": "text", "text": {"body": "x"}}, 131008),
        ({"messaging_product": "whatsapp", "to": TO, "type": "text"}, 131008),
        ({"messaging_product": "whatsapp", "to": "12", "type": "text", "text": {"body": "x"}}, 131009),
        ({"messaging_product": "whatsapp", "to": TO, "type": "pigeon"}, 131009),
        (template("nothing"), 132001),
        (template("order_shipped", "fr", "1"), 132001),
        (template("order_shipped"), 132000),
        (template("order_shipped", "en", "1", "2"), 132000),
        (template("flash_sale", "en", "5 %"), 132015),
        (template("free_money"), 132001),
        (template("new_arrivals", biz_opaque_callback_data="x" * 513), 131009),
    ],
)
def test_refusals(box: Sandbox, body: dict, expected: int) -> None:
    reply = box.send_message(body)
    assert reply.status_code >= 400 and code(reply) == expected
    assert set(reply.json()["error"]) == {"message", "type", "code", "error_data", "fbtrace_id"}
    assert box.sent() == []


def test_bad_token_is_190(box: Sandbox) -> None:
    reply = box.send_message(template(), token="wrong")
    assert (reply.status_code, code(reply)) == (401, 190)
    assert code(box.send_message(template(), number="999")) == 100


def updates(got: list) -> list[dict]:
    """All changes of all posts, with the signature of each checked."""
    found = []
    for headers, body in got:
        assert (
            headers["X-Hub-Signature-256"]
            == "sha256=" + hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        )
        envelope = json.loads(body)
        assert envelope["object"] == "whatsapp_business_account"
        for entry in envelope["entry"]:
            assert entry["id"] == WABA_ID
            found += entry["changes"]
    return found


def statuses(got: list) -> list[dict]:
    return [one for change in updates(got) for one in change["value"].get("statuses", [])]


def test_accepted_then_sent_delivered_read(box: Sandbox, receiver) -> None:
    box.meta_webhook(receiver.url, verify=True)
    reply = box.send_message(template("order_shipped", "en", "#1", biz_opaque_callback_data="message-1")).json()
    wamid = reply["messages"][0]["id"]
    assert reply["contacts"] == [{"input": TO, "wa_id": TO}]
    box.settle()
    found = statuses(receiver.got)
    assert sorted(one["status"] for one in found) == ["delivered", "read", "sent"]
    assert {(one["id"], one["biz_opaque_callback_data"], one["recipient_id"]) for one in found} == {
        (wamid, "message-1", TO)
    }
    assert found[0]["pricing"]["category"] == "utility" and isinstance(found[0]["timestamp"], str)
    (sent,) = box.sent()
    assert (sent["to"], sent["template"], sent["biz_opaque_callback_data"], sent["wamid"]) == (
        TO,
        "order_shipped/en",
        "message-1",
        wamid,
    )


def test_many_statuses_travel_in_few_posts(box: Sandbox, receiver) -> None:
    box.settings(status_pause=0.5, batch=100)
    box.meta_webhook(receiver.url)
    for index in range(60):
        assert box.send_message(template("order_shipped", "en", "x", to=f"49151000{index:05d}")).status_code == 200
    box.settle()
    assert len(statuses(receiver.got)) == 180
    assert len(receiver.got) < 90
    assert any(len(json.loads(body)["entry"]) == 2 for _, body in receiver.got)


def test_stopped_by_preference_then_resumed(box: Sandbox, receiver) -> None:
    box.meta_webhook(receiver.url)
    box.action("set_preference", sender=TO, choice="stop")
    box.settle()
    (change,) = updates(receiver.got)
    assert change["field"] == "user_preferences"
    (row,) = change["value"]["user_preferences"]
    assert (row["value"], row["category"], row["wa_id"]) == ("stop", "marketing_messages", TO) and isinstance(
        row["timestamp"], int
    )
    receiver.got.clear()
    assert box.send_message(template("new_arrivals")).status_code == 200
    box.settle()
    (failed,) = statuses(receiver.got)
    assert (failed["status"], failed["errors"][0]["code"]) == ("failed", 131050) and "pricing" not in failed
    receiver.got.clear()
    box.send_message(template("order_shipped", "en", "1"))  # utility still passes
    box.action("set_preference", sender=TO, choice="resume")
    box.send_message(template("new_arrivals"))
    box.settle()
    assert "failed" not in {one["status"] for one in statuses(receiver.got)}


def test_text_only_within_the_window(box: Sandbox, receiver) -> None:
    box.meta_webhook(receiver.url)
    text = {"messaging_product": "whatsapp", "to": TO, "type": "text", "text": {"body": "hello"}}
    box.send_message(text)
    box.settle()
    assert statuses(receiver.got)[0]["errors"][0]["code"] == 131047
    receiver.got.clear()
    box.action("reply", sender=TO, text="STOP")
    box.send_message(text)
    box.settle()
    (message,) = [one for change in updates(receiver.got) for one in change["value"].get("messages", [])]
    assert (message["from"], message["text"]["body"]) == (TO, "STOP")
    assert "read" in {one["status"] for one in statuses(receiver.got)}


def test_button_quotes_the_template_and_user_ids_may_hide_the_number(box: Sandbox, receiver) -> None:
    box.meta_webhook(receiver.url)
    wamid = box.send_message(template("new_arrivals")).json()["messages"][0]["id"]
    box.settle()
    receiver.got.clear()
    box.action("tap_button", sender=TO, text="Stop promotions")
    box.action("reply", sender=TO, text="who am I", hide_number=True)
    box.settle()
    values = {change["value"]["messages"][0]["type"]: change["value"] for change in updates(receiver.got)}
    tap, hidden = values["button"], values["text"]
    assert tap["messages"][0]["button"]["text"] == "Stop promotions" and tap["messages"][0]["context"]["id"] == wamid
    assert "from" not in hidden["messages"][0] and "wa_id" not in hidden["contacts"][0]
    user_id = hidden["contacts"][0]["user_id"]
    assert user_id == hidden["messages"][0]["from_user_id"] and user_id.startswith("DE.")
    reply = box.send_message(
        {"messaging_product": "whatsapp", "recipient": user_id, "type": "text", "text": {"body": "you"}}
    ).json()
    assert reply["contacts"] == [{"input": user_id, "user_id": user_id}]
    box.settle()


def test_rate_limit(box: Sandbox) -> None:
    box.post("meta/numbers", id=PHONE_NUMBER_ID, rate=5)
    codes = [
        code(reply)
        for reply in (box.send_message(template("new_arrivals")) for _ in range(8))
        if reply.status_code != 200
    ]
    assert codes and set(codes) == {130429}
    assert len(box.sent()) == 8 - len(codes)


def test_accepted_but_never_answered(box: Sandbox) -> None:
    box.rules({"mode": "hang", "times": 1})
    with pytest.raises(httpx.ReadTimeout), httpx.Client(timeout=0.3, trust_env=False) as client:
        client.post(
            f"{box.meta_url}/v26.0/{PHONE_NUMBER_ID}/messages",
            json=template("new_arrivals"),
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
    assert len(box.sent()) == 1
    assert box.send_message(template("new_arrivals")).status_code == 200


@pytest.mark.parametrize(("mode", "accepted"), [("drop", 1), ("refuse", 0)])
def test_dropped_connections(box: Sandbox, mode: str, accepted: int) -> None:
    box.rules({"mode": mode, "times": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        box.send_message(template("new_arrivals"))
    assert len(box.sent()) == accepted


def test_errors_on_request(box: Sandbox, receiver) -> None:
    box.meta_webhook(receiver.url)
    box.rules(
        {"mode": "error", "times": 1},
        {"mode": "answer", "code": 131048, "to": "4915100000002"},
        {"mode": "status", "code": 131026, "to": TO},
    )
    assert box.send_message(template("new_arrivals")).status_code == 500
    assert code(box.send_message(template("new_arrivals", to="4915100000002"))) == 131048
    assert box.send_message(template("new_arrivals")).status_code == 200
    box.settle()
    assert [one["errors"][0]["code"] for one in statuses(receiver.got)] == [131026]


def test_recipients_decide_the_same_every_time(box: Sandbox, receiver) -> None:
    box.meta_webhook(receiver.url)
    box.settings(moods={"unreachable": 0.3, "capped": 0.2})
    for _ in range(2):
        for index in range(40):
            box.send_message(template("new_arrivals", to=f"49160{index:08d}"))
    box.settle()
    failed: dict[str, set[int]] = {}
    for one in statuses(receiver.got):
        if one["status"] == "failed":
            failed.setdefault(one["recipient_id"], set()).add(one["errors"][0]["code"])
    assert 5 < len(failed) < 35 and all(len(codes) == 1 for codes in failed.values())


def test_brazilian_numbers_lose_a_digit(box: Sandbox) -> None:
    reply = box.send_message(template("new_arrivals", to="+55 31 97129-4573")).json()
    assert reply["contacts"][0] == {"input": "+55 31 97129-4573", "wa_id": "553171294573"}
    assert (
        box.send_message(template("new_arrivals", to="5511987654321")).json()["contacts"][0]["wa_id"] == "5511987654321"
    )


def test_templates_are_paged(box: Sandbox) -> None:
    seen, after = [], None
    while True:
        reply = box.http.get(
            f"{box.meta_url}/v26.0/{WABA_ID}/message_templates",
            params={"limit": 6, **({"after": after} if after else {})},
            headers={"Authorization": f"Bearer {TOKEN}"},
        ).json()
        seen += [(one["name"], one["language"], one["status"], one["category"]) for one in reply["data"]]
        if "next" not in reply["paging"]:
            break
        after = reply["paging"]["cursors"]["after"]
    assert len(seen) == len(set(seen)) > 15
    assert {row[2] for row in seen} == {"APPROVED", "PAUSED", "REJECTED"} and {row[3] for row in seen} == {
        "MARKETING",
        "UTILITY",
    }
    assert {row[1] for row in seen} == {"en", "es", "pt_BR", "de"}


def test_only_loopback_is_a_callback(box: Sandbox) -> None:
    with pytest.raises(SandboxError, match="loopback"):
        box.meta_webhook("https://example.com/hook")


def test_statuses_owed_survive_a_kill(tmp_path, receiver) -> None:
    with Sandbox(tmp_path, customers=3, orders=0) as box:
        box.settings(status_pause=1.0, moods={"unreachable": 0, "read": 0})
        box.meta_webhook(receiver.url)
        box.send_message(template("order_shipped", "en", "1"))
        assert len(box.sent()) == 1  # asking writes what is in memory
        box.kill()
        box.start()
        box.settle()
        assert sorted(one["status"] for one in statuses(receiver.got)) == ["delivered", "sent"]


@pytest.mark.oracle
def test_a_batch_as_an_independent_library_reads_it(box: Sandbox, tmp_path: Path) -> None:
    modules = Path(os.environ.get("SAYSO_NODE_MODULES") or Path(__file__).parents[2] / "node_modules")
    if not (modules / "@kapso/whatsapp-cloud-api").is_dir():
        pytest.skip("npm @kapso/whatsapp-cloud-api is not installed")
    box.settings(batch=100, status_pause=0.3)
    box.hold("meta")
    box.meta_webhook("http://127.0.0.1:9/x")
    for index in range(7):
        box.send_message(template("order_shipped", "en", "é", to=f"49151000{index:05d}"))
    box.action("reply", sender=TO, text="STOP ✋")
    box.settle()
    script = tmp_path / "read.cjs"
    script.write_text(
        'const fs = require("node:fs");\n'
        f'const need = require("node:module").createRequire({json.dumps(str(modules) + "/x.js")});\n'
        'const { verifySignature, normalizeWebhook } = need("@kapso/whatsapp-cloud-api/server");\n'
        "const counts = { good: 0, statuses: 0, messages: 0 };\n"
        "for (const one of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) {\n"
        "  const rawBody = Buffer.from(one.body, 'base64');\n"
        "  counts.good += verifySignature({ appSecret: process.argv[3], rawBody, signatureHeader: one.signature });\n"
        "  const read = normalizeWebhook(JSON.parse(rawBody));\n"
        "  counts.statuses += read.statuses.length; counts.messages += read.messages.length;\n}\n"
        "console.log(JSON.stringify(counts));\n"
    )
    posts = box.deliveries(kind="meta")
    data = tmp_path / "posts.json"
    data.write_text(
        json.dumps(
            [
                {"body": base64.b64encode(one.body).decode(), "signature": one.headers["X-Hub-Signature-256"]}
                for one in posts
            ]
        )
    )
    done = subprocess.run(["node", script, data, APP_SECRET], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"good": len(posts), "statuses": 21, "messages": 1}
