"""Who delivers webhooks. Rooms that know a provider register it when Django starts; intake knows none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

Headers = Mapping[bytes, bytes]
"""Request headers as ASGI gives them: names in lower case."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What intake must know of a delivery to store it."""

    key: str
    """The provider's id of the delivery: the same on its retries. At most 128 characters."""
    topic: str
    shop_domain: str | None = None
    """The shop it names; None where the provider names none and the delivery is split while draining."""
    lane: int = 1
    """0 goes before everything else."""
    fold_key: str = ""
    """Deliveries with the same key are never worked on by two workers at once; "" for none."""
    triggered_at: datetime | None = None
    kept_headers: dict[str, str] = field(default_factory=dict)
    """What is stored beside the body; never the signature."""


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    verify: Callable[[Headers, bytes, str], bool]
    """Whether headers and raw body carry a signature made with a secret. Never raises on bad input."""
    describe: Callable[[Headers, bytes], Envelope]
    """Reads as little of a verified delivery as possible. Never raises on bad input."""
    shop_domain: Callable[[Headers], str] = lambda headers: ""
    """The shop that headers claim to be about, "" where the provider names none. Nothing about them is signed."""
    served_shops: str = ""
    """SQL that answers (provider app, shop domain): with whose secret alone deliveries about a shop are signed."""
    challenge: Callable[[Mapping[str, str], Sequence[str]], str | None] | None = None
    """Answers the GET that checks the address, from its query and our verify tokens; None refuses (403)."""


_providers: dict[str, Provider] = {}


def register(provider: Provider) -> None:
    """Accept deliveries at ``/webhooks/<name>``."""
    _providers[provider.name] = provider


def find(name: str) -> Provider | None:
    return _providers.get(name)


def providers() -> list[Provider]:
    return list(_providers.values())
