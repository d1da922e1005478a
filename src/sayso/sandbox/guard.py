"""Only this machine, and only pages of the sandbox itself, may change anything.

The Host check stops a foreign name that was pointed at 127.0.0.1; the Origin check stops a foreign
page that posts a form to it.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}


def host_is_loopback(host: str) -> bool:
    """Whether a Host header names this machine."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name in LOOPBACK


def may_change(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a state-changing request comes from this machine: a program, or a page of this very origin."""
    found = {key: value.decode("latin-1") for key, value in headers}
    host = found.get(b"host", "")
    if not host_is_loopback(host):
        return False
    origin = found.get(b"origin")
    if origin is None:
        # programs send none; a browser without it still says where a request comes from
        return found.get(b"sec-fetch-site", "none") in {"none", "same-origin"}
    return urlsplit(origin).netloc == host
