import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.channels.whatsapp.signature import challenge, sign, verify

BODY = '{"text":"Grüße 👋"}'.encode()
KNOWN = "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"


def test_a_published_vector():
    """HMAC-SHA256 of the pangram under ``key``, as in the Wikipedia article on HMAC."""
    assert sign(b"The quick brown fox jumps over the lazy dog", "key") == KNOWN


@pytest.mark.oracle
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_signs_alike():
    command = ["openssl", "dgst", "-sha256", "-hmac", "s3cret", "-hex"]
    told = subprocess.run(command, input=BODY, capture_output=True, check=True).stdout.decode().split()[-1]
    assert verify(BODY, f"sha256={told}", ["s3cret"])


@pytest.mark.oracle
def test_an_independent_receiver_accepts_what_we_sign():
    utils = pytest.importorskip("pywa.utils", reason="pywa is not installed")
    assert utils.webhook_updates_validator("s3cret", BODY, sign(BODY, "s3cret"))
    assert not utils.webhook_updates_validator("other", BODY, sign(BODY, "s3cret"))


@given(st.binary(max_size=200), st.text(min_size=1, max_size=20))
def test_what_was_signed_is_accepted(body, secret):
    assert verify(body, sign(body, secret), ["other", secret])
    assert verify(body, sign(body, secret).encode(), [secret])
    assert not verify(body + b" ", sign(body, secret), [secret])


def test_the_old_secret_after_a_rotation():
    assert verify(BODY, sign(BODY, "old"), ["new", "old"])
    assert not verify(BODY, sign(BODY, "old"), ["new"])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        "sha256=zz",
        "sha1=" + "0" * 40,
        "sha256=" + "0" * 64,
        "sha256=ü" + "0" * 63,
        b"sha256=\xff",
        "ü",
    ],
)
def test_any_other_header_is_false_and_never_an_error(header):
    assert verify(BODY, header, ["s3cret"]) is False


def test_without_a_secret_nothing_is_valid():
    assert not verify(BODY, sign(BODY, ""), [])
    assert not verify(BODY, sign(BODY, ""), [""])


def test_the_handshake():
    query = {"hub.mode": "subscribe", "hub.verify_token": "tökén", "hub.challenge": "1158201444"}
    assert challenge(query, "tökén") == "1158201444"
    assert challenge(query, "other") is None
    assert challenge(query | {"hub.mode": "x"}, "tökén") is None
    assert challenge({"hub.mode": "subscribe", "hub.challenge": "1"}, "") is None
