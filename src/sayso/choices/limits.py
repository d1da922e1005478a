"""How often the public pages may be used, kept in the database cache, so that the limits hold for all processes.

``cache.add`` is an INSERT that fails on a second one. A limit of N is N places to take in a window; so of any number of
simultaneous requests N pass and not one more, which a counter that is read and written could not promise.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest


def allowed(what: str, whom: str, *, most: int, seconds: int) -> bool:
    """Take a place for ``whom`` (an IP address, a phone number); False where all of this window are taken.

    Only a keyed hash of ``whom`` is kept.
    """
    window = int(time.time()) // seconds
    name = hmac.digest(settings.SECRET_KEY.encode(), f"{what}:{whom}".encode(), hashlib.sha256).hex()[:32]
    places = [f"limit:{name}:{window}:{number}" for number in range(most)]
    taken = cache.get_many(places)
    return any(place not in taken and cache.add(place, 1, timeout=seconds) for place in places)


def once(what: str, nonce: str, seconds: int) -> bool:
    """True for the first use of a nonce, False for every later one."""
    return bool(cache.add(f"once:{what}:{nonce}", 1, timeout=seconds))


def client(request: HttpRequest) -> str:
    """The network the request came from. Of IPv6 the /64, which is what one household has."""
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:  # a server on a socket file tells none
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
