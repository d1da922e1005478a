"""Our part of the Admin API against the published schema."""

import gzip
import json
import os
from pathlib import Path

import graphql
import pytest

from sayso.sandbox.shopify.fields import FIELDS
from sayso.sandbox.shopify.mutations import MUTATIONS
from sayso.sandbox.shopify.roots import BELOW, ROOTS
from sayso.sandbox.shopify.schema import VERSIONS, schema


@pytest.mark.parametrize("version", VERSIONS)
def test_every_field_has_a_resolver(version: str) -> None:
    made = schema(version)
    assert set(made.query_type.fields) == set(ROOTS)
    assert set(made.mutation_type.fields) == set(MUTATIONS)
    for name, fields in FIELDS.items():
        missing = set(made.type_map[name].fields) - set(fields) - {field for owner, field in BELOW if owner == name}
        assert not missing, (name, missing)


@pytest.mark.oracle
def test_ours_is_a_part_of_the_published_schema() -> None:
    path = os.environ.get("SAYSO_SHOPIFY_SCHEMA")
    if not path:
        pytest.skip("SAYSO_SHOPIFY_SCHEMA does not name admin_2026-10.json.gz of npm @shopify/dev-mcp")
    data = json.loads(gzip.decompress(Path(path).read_bytes()))
    published = graphql.build_client_schema(data.get("data", data), assume_valid=True).type_map
    for name, kind in schema("2026-10").type_map.items():
        if name.startswith("__"):
            continue
        theirs = published[name]
        assert type(kind) is type(theirs), name
        if graphql.is_enum_type(kind):
            assert set(kind.values) <= set(theirs.values), name
            assert name == "WebhookSubscriptionTopic" or set(kind.values) == set(theirs.values), name
        for field, ours in getattr(kind, "fields", {}).items():
            assert str(ours.type) == str(theirs.fields[field].type), f"{name}.{field}"
            for argument, one in getattr(ours, "args", {}).items():
                assert str(one.type) == str(theirs.fields[field].args[argument].type), f"{name}.{field}({argument})"
            for argument, one in getattr(theirs.fields[field], "args", {}).items():
                assert argument in ours.args or not graphql.is_required_argument(one), f"{name}.{field}({argument})"
