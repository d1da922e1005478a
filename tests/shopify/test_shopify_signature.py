import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.shopify.connection.signature import sign, sign_query, verify, verify_query

BODY = '{"note":"Grüße 👋"}'.encode()


def test_a_published_vector():
    """HMAC-SHA256 of the pangram under ``key``, as in the Wikipedia article on HMAC."""
    digest = bytes.fromhex("f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8")
    assert sign(b"The quick brown fox jumps over the lazy dog", "key") == base64.b64encode(digest).decode()


def test_the_example_of_shopifys_documentation():
    """*Verify the installation request*: its parameters, under its secret ``hush``."""
    query = {"code": "0907a61c0c8d55e99db179b68161bc00", "shop": "some-shop.myshopify.com", "timestamp": "1337178173"}
    message = "code=0907a61c0c8d55e99db179b68161bc00&shop=some-shop.myshopify.com&timestamp=1337178173"
    assert sign_query(query, "hush") == base64.b64decode(sign(message.encode(), "hush")).hex()
    assert sign_query(query, "hush") == "4712bf92ffc2917d15a2f5a273e39f0116667419aa4b6ac0b3baaf26fa3c4d20"


@pytest.mark.oracle
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_signs_alike():
    command = ["openssl", "dgst", "-sha256", "-hmac", "s3cret", "-binary"]
    told = subprocess.run(command, input=BODY, capture_output=True, check=True).stdout
    assert verify(BODY, base64.b64encode(told), ["s3cret"])


@pytest.mark.oracle
def test_shopifys_own_library_signs_queries_alike():
    session = pytest.importorskip("shopify.session", reason="ShopifyAPI is not installed").Session
    session.setup(api_key="id", secret="hush")
    for query in ({"shop": "a.myshopify.com", "code": "1"}, {"a&b": "c%d", "e": "f&g=h", "hmac": "x"}):
        assert sign_query(query, "hush") == session.calculate_hmac(dict(query))


@pytest.mark.oracle
def test_shopifys_newer_library_accepts_what_we_sign():
    verify_request = pytest.importorskip("shopify_app.verify", reason="shopifyapp is not installed").verify_webhook_req
    app = {"client_id": "id", "client_secret": "new", "old_client_secret": "old"}
    for secret, good in (("new", True), ("old", True), ("other", False)):
        headers = {"X-Shopify-Hmac-Sha256": sign(BODY, secret), "X-Shopify-Shop-Domain": "ada.myshopify.com"}
        request = {"method": "POST", "headers": headers, "url": "https://x.example/", "body": BODY.decode()}
        assert verify_request(request, app).ok is good
        assert verify(BODY, headers["X-Shopify-Hmac-Sha256"], ["new", "old"]) is good


SIGN = """
import { createRequire } from "node:module";
const need = createRequire(process.argv[2] + "/x.js");
need("@shopify/shopify-api/adapters/node");
const { getHmac, setUpValidRequest, RequestType } = need("@shopify/shopify-api/test-helpers");
const body = process.argv[3], secret = process.argv[4];
const asked = new Request("https://sayso.example/webhooks/shopify", { method: "POST", body });
const options = { type: RequestType?.Extension ?? 2, store: "ada", apiSecretKey: secret, body };
const made = await setUpValidRequest(options, asked);
console.log(JSON.stringify({
  hmac: await getHmac(body, secret), body: await made.text(), headers: Object.fromEntries(made.headers),
}));
"""


@pytest.mark.oracle
def test_what_shopifys_node_library_signs_is_accepted_and_refused_once_tampered_with(tmp_path):
    modules = os.environ.get("SAYSO_NODE_MODULES", "")
    package = Path(modules, "@shopify/shopify-api/package.json")
    if not modules or not package.is_file() or json.loads(package.read_text())["version"] != "15.0.0":
        pytest.skip("npm @shopify/shopify-api@15.0.0 is not installed")
    script = tmp_path / "sign.mjs"
    script.write_text(SIGN)
    command = ["node", str(script), modules, BODY.decode(), "s3cret"]
    done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert verify(BODY, done["hmac"], ["s3cret"])
    assert verify(BODY, done["hmac"], ["new", "s3cret"])
    assert not verify(BODY + b" ", done["hmac"], ["s3cret"])
    assert not verify(BODY, done["hmac"], ["new"])
    assert not verify(BODY, done["hmac"][::-1], ["s3cret"])
    whole, header = done["body"].encode(), done["headers"]["x-shopify-hmac-sha256"]
    assert verify(whole, header, ["s3cret"])
    assert not verify(whole + b" ", header, ["s3cret"])
    assert not verify(whole, header, ["new"])


@given(st.binary(max_size=200), st.text(min_size=1, max_size=20))
def test_what_was_signed_is_accepted(body, secret):
    assert verify(body, sign(body, secret), ["other", secret])
    assert verify(body, sign(body, secret).encode(), [secret])
    assert not verify(body + b" ", sign(body, secret), [secret])


def test_the_old_secret_after_a_rotation():
    assert verify(BODY, sign(BODY, "old"), ["new", "old"])
    assert not verify(BODY, sign(BODY, "old"), ["new"])


@pytest.mark.parametrize("header", [None, "", b"", "x", "=" * 44, "ü", b"\xff", "A" * 10_000])
def test_any_other_header_is_false_and_never_an_error(header):
    assert verify(BODY, header, ["s3cret"]) is False


def test_without_a_secret_nothing_is_valid():
    assert not verify(BODY, sign(BODY, ""), [])
    assert not verify(BODY, sign(BODY, ""), [""])
    assert not verify_query({"hmac": sign_query({}, "")}, [""])


@given(
    st.dictionaries(st.text(max_size=6), st.text(max_size=6), max_size=4),
    st.dictionaries(st.text(max_size=6), st.text(max_size=6), max_size=4),
)
def test_different_queries_have_different_signatures(one, other):
    def counted(query):
        return {key: value for key, value in query.items() if key != "hmac"}

    assert verify_query(counted(one) | {"hmac": sign_query(one, "s")}, ["s"])
    if counted(one) != counted(other):
        assert sign_query(one, "s") != sign_query(other, "s")
