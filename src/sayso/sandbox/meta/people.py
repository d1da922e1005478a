"""Recipients: who they are on WhatsApp and how they behave, the same for a number every time."""

import hashlib
import time

import msgspec

from ..generate.countries import COUNTRIES
from ..world import World

WINDOW = 24 * 3600.0
# area codes of Canada that share +1 with the United States
_CANADA = frozenset(
    [
        "204",
        "226",
        "236",
        "249",
        "250",
        "289",
        "306",
        "343",
        "365",
        "403",
        "416",
        "418",
        "431",
        "437",
        "438",
        "450",
        "506",
        "514",
        "519",
        "548",
        "579",
        "581",
        "587",
        "604",
        "613",
        "639",
        "647",
        "672",
        "705",
        "709",
        "778",
        "780",
        "782",
        "807",
        "819",
        "825",
        "867",
        "873",
        "902",
        "905",
    ]
)


class Person(msgspec.Struct):
    """One WhatsApp user. `dice` are four fixed random shares that decide their behaviour."""

    wa_id: str
    dice: tuple[float, float, float, float]
    country: str
    stopped: bool = False
    spoke: float | None = None
    user_id: str | None = None


def wa_id(digits: str) -> str:
    """WhatsApp's own spelling of a number: in much of Brazil it lacks the ninth digit, in Mexico it gains a 1."""
    if len(digits) == 13 and digits.startswith("55") and digits[4] == "9" and int(digits[2:4]) >= 31:
        return digits[:4] + digits[5:]
    if len(digits) == 12 and digits.startswith("52"):
        return "521" + digits[2:]
    return digits


def country_of(digits: str) -> str:
    """The two-letter country of a number, as in a business-scoped user id."""
    for country in COUNTRIES:
        if digits.startswith(country.calling[1:]):
            return country.code
    return "US"


def is_us(digits: str) -> bool:
    """Whether a number belongs to the United States."""
    return digits.startswith("1") and len(digits) == 11 and digits[1:4] not in _CANADA


class Crowd:
    """All recipients. Only what differs from the dice is stored."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.known: dict[str, Person] = {}
        self.by_user_id: dict[str, Person] = {}
        for key, stopped, spoke, user_id in world.db.all("SELECT recipient, stopped, spoke, user_id FROM person"):
            person = self.get(key)
            person.stopped, person.spoke, person.user_id = bool(stopped), spoke, user_id
            if user_id:
                self.by_user_id[user_id] = person

    def get(self, digits: str) -> Person:
        """The person behind a number in any spelling of digits."""
        key = wa_id(digits)
        person = self.known.get(key)
        if person is None:
            raw = hashlib.blake2b(f"{self.world.seed}:{key}".encode(), digest_size=16).digest()
            a, b, c, d = (int.from_bytes(raw[at : at + 4]) / 2**32 for at in (0, 4, 8, 12))
            person = self.known[key] = Person(key, (a, b, c, d), country_of(key))
            if c < self.world.settings.moods.user_ids:
                self._name(person, 0)
        return person

    def _name(self, person: Person, generation: int) -> None:
        number = int.from_bytes(hashlib.blake2b(f"{person.wa_id}/{generation}".encode(), digest_size=8).digest())
        person.user_id = f"{person.country}.{number:020d}"
        self.by_user_id[person.user_id] = person

    def rename(self, person: Person) -> tuple[str, str]:
        """A new business-scoped id, as after a change of number: (previous, current)."""
        if person.user_id is None:
            self._name(person, 0)
        previous = person.user_id or ""
        self._name(person, self.world.db.take("user id"))
        self.save(person)
        return previous, person.user_id or ""

    def hides_number(self, person: Person) -> bool:
        """Whether webhooks leave this person's number out: has a username, and was never messaged by number of late."""
        if person.user_id is None or person.dice[3] >= 0.5:
            return False
        return (
            self.world.db.one(
                "SELECT 1 FROM sent WHERE recipient = ? AND at > ? LIMIT 1", person.wa_id, time.time() - 30 * 86_400
            )
            is None
        )

    def in_window(self, person: Person) -> bool:
        """Whether the person wrote within the last 24 hours."""
        return person.spoke is not None and time.time() - person.spoke < WINDOW

    def save(self, person: Person) -> None:
        """Keep what this person decided."""
        self.world.db.run(
            "INSERT OR REPLACE INTO person VALUES (?, ?, ?, ?)",
            person.wa_id,
            int(person.stopped),
            person.spoke,
            person.user_id,
        )

    def name(self, person: Person) -> str:
        """The profile name: the customer's with this phone, else a plain one."""
        for shop in self.world.shops.values():  # the index on phones begins with the shop
            row = self.world.db.one(
                "SELECT name FROM customer WHERE shop = ? AND phone IN (?, ?)",
                shop.id,
                "+" + person.wa_id,
                "+" + _long_form(person.wa_id),
            )
            if row:
                return str(row[0])
        return f"Guest {person.wa_id[-4:]}"


def _long_form(key: str) -> str:
    """The dialled form of a wa_id that lost or gained a digit."""
    if len(key) == 12 and key.startswith("55"):
        return key[:4] + "9" + key[4:]
    return "52" + key[3:] if key.startswith("521") and len(key) == 13 else key
