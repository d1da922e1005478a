"""Which addresses a connection may speak to: a real one never to this machine, a sandbox one never to any other."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


class ForbiddenAddress(ValueError):
    """A base address that a connection of this kind must not use. The text says which and why."""


def check_base_url(base_url: str, *, sandbox: bool) -> str:
    """``base_url`` without a trailing slash, if a connection may use it.

    So a token of a real shop never goes to whatever listens on this machine, nor to a plain-text connection, and the
    sandbox never speaks to the world. Raises :class:`ForbiddenAddress`.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ForbiddenAddress(f"{base_url!r} is not an http or https address of a host")
    loopback = _is_loopback(parts.hostname)
    if sandbox and not loopback:
        raise ForbiddenAddress(f"a sandbox connection speaks to this machine only, not to {parts.hostname}")
    if not sandbox and loopback:
        raise ForbiddenAddress(f"{parts.hostname} is this machine; only a sandbox connection may speak to it")
    if not sandbox and parts.scheme != "https":
        raise ForbiddenAddress(f"the connection to {parts.hostname} must use https")
    return base_url.rstrip("/")


def _is_loopback(host: str) -> bool:
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, 6.3
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_loopback or address.is_unspecified
