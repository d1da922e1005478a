"""The page, and who may change things."""

import pytest

from sayso.sandbox.testing import Sandbox


def test_act_as_a_customer(box: Sandbox, person: dict) -> None:
    box.action("reply", sender=person["phone"], text="<script>alert(1)</script>")
    page = box.http.get(f"{box.base}/", params={"q": "Ünal", "customer": person["id"]})
    assert page.status_code == 200 and "script-src 'self'" in page.headers["content-security-policy"]
    assert "<script>alert" not in page.text and "&lt;script&gt;" in page.text
    done = box.http.post(
        f"{box.base}/do",
        data={"do": "reply", "sender": person["phone"], "text": "hello", "back": f"/?customer={person['id']}"},
    )
    assert done.status_code == 303 and done.headers["location"].startswith("/?customer=")
    assert "hello" in box.http.get(box.base + done.headers["location"]).text


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}],
)
@pytest.mark.parametrize("path", ["/do", "/control/reset", "/control/actions/create_customer"])
def test_foreign_pages_change_nothing(box: Sandbox, headers: dict, path: str) -> None:
    before = box.get("health")["customers"]
    assert box.http.post(box.base + path, json={"first": "Evil"}, headers=headers).status_code == 403
    assert box.get("health")["customers"] == before


def test_foreign_host_names_see_nothing(box: Sandbox) -> None:
    assert box.http.get(f"{box.base}/control/customers", headers={"Host": "rebound.example"}).status_code == 403


def test_live_traffic_acts(box: Sandbox) -> None:
    box.hold()
    box.subscribe("CUSTOMERS_UPDATE", "http://127.0.0.1:9/x")
    assert box.post("live", steps=120)["done"] >= 100
    assert len(box.deliveries()) > 20
