"""The GraphQL documents we send, one a file, and how many objects one call may ask for.

A document that spreads a fragment (``...CustomerFields``) gets the file of that fragment appended
(``customer_fields.graphql``). All are valid against Admin API 2026-10 and, with one field written the older way,
against 2026-07; a test checks it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources

NEWEST = "2026-10"

# One query may cost 1000 points: objects cost 1, a connection about 2 and its items. A customer with all its parts is 9
# objects, an order with 10 lines about 9 + 2 + 10 × 5, a product with 20 variants and 10 collections 4 + 20 × 4 + 10 + 4.
CUSTOMERS_A_CALL = 100
ORDERS_A_CALL = 15
LINES_AN_ORDER = 10
LINES_A_CALL = 100
PRODUCTS_A_CALL = 30
COLLECTIONS_A_PRODUCT = 25
VARIANTS_A_CALL = 240
COLLECTIONS_A_CALL = 250
MEMBERS_A_CALL = 250
WHOLE_PRODUCTS_A_CALL, VARIANTS_A_PRODUCT, COLLECTIONS_A_WHOLE_PRODUCT = 9, 20, 10
WRITES_A_CALL = 10  # a mutation costs 10 points; the smallest store refills 100 a second
SEGMENTS_A_CALL = 250
SEGMENT_MEMBERS_A_CALL = 1000  # the most Shopify gives; halved where the store finds that too dear
CHECKOUTS_A_CALL = 15  # as orders

_SPREAD = re.compile(r"\.\.\.\s*([A-Z]\w*)")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
# 2026-10 gave the consent for SMS an object of its own; before, it stood flat in the phone number.
_SMS_CONSENT = re.compile(r"smsMarketingConsent \{[^}]*\}")
_SMS_CONSENT_BEFORE = "marketingState marketingOptInLevel marketingUpdatedAt marketingCollectedFrom"
_INPUT = re.compile(r"\$input: (\w+!)")
_COMMENT = re.compile(r"^\s*#.*\n?", re.MULTILINE)


@cache
def load(name: str, version: str = NEWEST) -> str:
    """The text of a document with its fragments, for a version of the API. Raises FileNotFoundError for no document."""
    texts = {name: _read(name)}
    waiting = [name]
    while waiting:
        for fragment in _SPREAD.findall(texts[waiting.pop()]):
            file = _CAPITAL.sub("_", fragment).lower()
            if file not in texts:
                texts[file] = _read(file)
                waiting.append(file)
    return _for_version("\n".join(texts.values()), version)


@cache
def inline(name: str, version: str = NEWEST) -> str:
    """The same with every fragment put in its place, for the queries of bulk operations."""
    text = _SPREAD.sub(lambda spread: _body(_CAPITAL.sub("_", spread[1]).lower()), _read(name))
    return _for_version(text, version)


def several(names: Sequence[str]) -> str:
    """One call that carries out several mutations, each of one variable ``$input``; the same may be named repeatedly.

    The n-th, from 0, answers as ``m<n>`` and takes the variable ``i<n>``.
    """
    variables, fields = [], []
    for number, name in enumerate(names):
        found = _INPUT.search(_read(name))
        if found is None:
            raise ValueError(f"{name} does not take one variable $input")
        variables.append(f"$i{number}: {found[1]}")
        fields.append(f"m{number}: {_body(name).replace('$input', f'$i{number}')}")
    return f"mutation Several({', '.join(variables)}) {{\n" + "\n".join(fields) + "\n}"


def names() -> list[str]:
    """All documents that can be sent; those that only hold a fragment are not among them."""
    files = (entry.name for entry in resources.files(__package__).iterdir())
    return sorted(
        file.removesuffix(".graphql")
        for file in files
        if file.endswith(".graphql") and not file.endswith("_fields.graphql")
    )


def _for_version(text: str, version: str) -> str:
    return text if version >= NEWEST or version == "unstable" else _SMS_CONSENT.sub(_SMS_CONSENT_BEFORE, text)


def _read(name: str) -> str:
    text = resources.files(__package__).joinpath(f"{name}.graphql").read_text(encoding="utf-8")
    return _COMMENT.sub("", text).strip()


def _body(fragment: str) -> str:
    """What stands between the outermost braces of a fragment."""
    text = _read(fragment)
    return text[text.index("{") + 1 : text.rindex("}")].strip()
