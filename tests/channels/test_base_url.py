import pytest

from sayso.channels.base_url import ForbiddenAddress, check_base_url

HERE = [
    "http://127.0.0.1:9000",
    "http://localhost:9000",
    "http://[::1]:9000",
    "https://127.9.9.9",
    "http://a.localhost",
]
HERE_TOO = ["http://0.0.0.0:9000", "http://[::ffff:127.0.0.1]:9000", "http://LOCALHOST./"]
THERE = ["https://graph.facebook.com", "https://ada.myshopify.com/", "https://127.0.0.1.example.com"]


@pytest.mark.parametrize("url", HERE + HERE_TOO)
def test_this_machine_is_for_the_sandbox(url):
    assert check_base_url(url, sandbox=True) == url.rstrip("/")
    with pytest.raises(ForbiddenAddress, match="this machine"):
        check_base_url(url, sandbox=False)


@pytest.mark.parametrize("url", THERE)
def test_the_world_is_for_real_connections(url):
    assert check_base_url(url, sandbox=False) == url.rstrip("/")
    with pytest.raises(ForbiddenAddress, match="sandbox"):
        check_base_url(url, sandbox=True)


@pytest.mark.parametrize(
    "url", ["http://graph.facebook.com", "ftp://x", "graph.facebook.com", "", "https://", "https://u@h"]
)
def test_what_no_connection_may_use(url):
    with pytest.raises(ForbiddenAddress):
        check_base_url(url, sandbox=False)
