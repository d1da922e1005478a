"""Times as the two platforms write them. Inside the sandbox a time is an ISO string in UTC."""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Generated data ends here, so that the same seed gives the same shop on every day.
EPOCH = "2026-10-01T00:00:00Z"


def iso(moment: datetime) -> str:
    """`moment` (aware) as Shopify's DateTime: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime:
    """An ISO 8601 time or date as an aware datetime; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def now() -> str:
    """The present second as an ISO string in UTC."""
    return iso(datetime.now(UTC))


def before(epoch: datetime, seconds: float) -> str:
    """The time `seconds` before `epoch`."""
    return iso(epoch - timedelta(seconds=seconds))


def nanoseconds() -> str:
    """The present with nanoseconds, as in the header X-Shopify-Triggered-At."""
    whole, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def milliseconds() -> str:
    """The present with milliseconds, as `occurredAt` in the dotted topics."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache
def zone(name: str) -> ZoneInfo | None:
    """The zone called `name`, or None where the machine has no zone data."""
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return None


def local(text: str | None, zone_name: str) -> str | None:
    """`text` with the shop's offset (`2026-10-01T02:00:00-04:00`), as in webhook bodies."""
    if text is None:
        return None
    return parse(text).astimezone(zone(zone_name) or UTC).isoformat(timespec="seconds")
