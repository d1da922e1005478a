"""What a test or a newcomer may turn: delivery weather, Meta's moods, live traffic."""

import msgspec


class Weather(msgspec.Struct):
    """How deliveries of one platform travel.

    `delay` and `shuffle` are seconds (a fixed wait; a random wait up to that long, which mixes the
    order), `duplicate` and `lose` shares from 0 to 1, `hold` keeps deliveries for the test to fetch.
    """

    delay: float = 0.0
    shuffle: float = 0.0
    duplicate: float = 0.0
    lose: float = 0.0
    hold: bool = False


class Moods(msgspec.Struct):
    """How recipients behave: shares from 0 to 1, decided per phone number and the same every time."""

    unreachable: float = 0.03
    capped: float = 0.01
    read: float = 0.6
    user_ids: float = 0.1
    us_marketing_paused: bool = False


class Rule(msgspec.Struct):
    """Something that goes wrong with sends.

    `mode`: `answer` (refused with `code`), `status` (accepted, then failed with `code`), `hang`
    (accepted, never answered), `drop` (accepted, connection closed), `refuse` (connection closed
    before accepting), `error` (HTTP 500). `to`: digits of one recipient, or None for all. `times`:
    how often it still happens, None for always.
    """

    mode: str
    code: int = 131000
    to: str | None = None
    times: int | None = None


class Settings(msgspec.Struct):
    """Everything that can be changed while the sandbox runs; stored at each change."""

    shopify: Weather = msgspec.field(default_factory=Weather)
    meta: Weather = msgspec.field(default_factory=Weather)
    moods: Moods = msgspec.field(default_factory=Moods)
    rules: list[Rule] = []
    meta_webhook: str | None = None
    status_pause: float = 0.05
    batch: int = 50
    retry_base: float = 1.0
    live: bool = False
    live_pause: float = 1.5
