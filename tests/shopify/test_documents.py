import gzip
import json
import os
from pathlib import Path

import graphql
import pytest

from sayso.shopify import documents

PUBLISHED = os.environ.get("SAYSO_SHOPIFY_SCHEMA", "")
BULK = ["collections_bulk", "customers_bulk", "orders_bulk", "products_bulk"]


@pytest.fixture(scope="module", params=["2026-10", "2026-07"])
def published(request) -> tuple[str, graphql.GraphQLSchema]:
    """A published schema as npm's @shopify/dev-mcp carries it (admin_2026-10.json.gz); the older one lies beside it."""
    if not PUBLISHED:
        pytest.skip("SAYSO_SHOPIFY_SCHEMA does not name the published schema")
    path = PUBLISHED.replace("2026-10", request.param)
    if not Path(path).exists():
        pytest.skip(f"{path} does not exist")
    with gzip.open(path) as file:
        introspection = json.load(file)["data"]
    # Its own rule about deprecated interface fields fails six times, hence assume_valid.
    return request.param, graphql.build_client_schema(introspection, assume_valid=True)


def text_of(name: str, version: str = documents.NEWEST) -> str:
    return documents.inline(name, version) if name in BULK else documents.load(name, version)


@pytest.mark.oracle
@pytest.mark.parametrize("name", documents.names())
def test_valid_against_the_published_schema(name, published):
    version, schema = published
    assert graphql.validate(schema, graphql.parse(text_of(name, version))) == []


@pytest.mark.parametrize("name", documents.names())
def test_every_document_parses_and_holds_one_operation(name):
    definitions = graphql.parse(text_of(name)).definitions
    operations = [one for one in definitions if isinstance(one, graphql.OperationDefinitionNode)]
    assert len(operations) == 1
    assert "#" not in text_of(name)


def selection(text: str, name: str) -> str:
    """What a document asks of one type, in a fixed form, wherever it stands."""
    for definition in graphql.parse(text).definitions:
        if isinstance(definition, graphql.FragmentDefinitionNode) and definition.name.value == name:
            return graphql.print_ast(definition.selection_set)
    raise LookupError(name)


def test_a_bulk_file_holds_what_a_page_holds():
    page = selection(documents.load("customers_updated"), "CustomerFields")
    (operation,) = graphql.parse(documents.inline("customers_bulk")).definitions
    assert isinstance(operation, graphql.OperationDefinitionNode)
    found = operation.selection_set
    for step in ("customers", "edges", "node"):
        (found,) = [field.selection_set for field in found.selections if field.name.value == step]
    assert graphql.print_ast(found) == page


@pytest.mark.parametrize("name", BULK)
def test_bulk_queries_keep_the_rules_of_bulk_operations(name):
    """Connections as edges{node}, at most five of them and two deep; a parent selects its id; no fragments."""
    text = documents.inline(name)
    assert "..." not in text
    assert "nodes" not in text
    assert text.count("edges") <= 5

    def check(selections: graphql.SelectionSetNode, depth: int) -> None:
        names = [field.name.value for field in selections.selections]
        for field in selections.selections:
            inner = field.selection_set
            if inner is None:
                continue
            is_connection = any(child.name.value == "edges" for child in inner.selections)
            if is_connection and depth:
                assert "id" in names
            assert depth + is_connection <= 2
            check(inner, depth + is_connection)

    (operation,) = graphql.parse(text).definitions
    check(operation.selection_set, 0)


def test_a_name_that_is_no_document():
    with pytest.raises(FileNotFoundError):
        documents.load("nothing")


def test_all_files_are_used():
    folder = Path(documents.__file__).parent
    fragments = {file.stem for file in folder.glob("*_fields.graphql")}
    together = "".join(text_of(name) for name in documents.names())
    assert {file.stem for file in folder.glob("*.graphql")} == fragments | set(documents.names())
    for fragment in fragments:
        spread = "".join(word.capitalize() for word in fragment.split("_"))
        assert f"...{spread}" in together


def cost(text: str, variables: dict[str, int]) -> int:
    """Points by the published rule: an object 1, a connection 2 and its items; ``nodes(ids:)`` counts each."""
    definitions = graphql.parse(text).definitions
    fragments = {one.name.value: one for one in definitions if isinstance(one, graphql.FragmentDefinitionNode)}

    def points(selections: graphql.SelectionSetNode) -> int:
        total = 0
        for node in selections.selections:
            if isinstance(node, graphql.FragmentSpreadNode):
                total += points(fragments[node.name.value].selection_set)
            elif isinstance(node, graphql.InlineFragmentNode):
                total += points(node.selection_set)
            elif node.selection_set is not None:
                given = {argument.name.value: argument.value for argument in node.arguments or ()}
                size = given.get("first") or given.get("ids")
                many = variables[size.name.value] if isinstance(size, graphql.VariableNode) else 1
                if isinstance(size, graphql.IntValueNode):
                    many = int(size.value)
                inner = points(node.selection_set)
                if node.name.value in {"nodes", "pageInfo", "edges", "node"} and size is None:
                    total += inner
                elif size is not None:
                    total += 2 + many * (1 + inner)
                else:
                    total += 1 + inner
        return total

    (operation,) = [one for one in definitions if isinstance(one, graphql.OperationDefinitionNode)]
    return points(operation.selection_set)


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("customer_nodes", {"ids": documents.CUSTOMERS_A_CALL}),
        ("customers_updated", {"first": documents.CUSTOMERS_A_CALL}),
        ("order_nodes", {"ids": documents.ORDERS_A_CALL, "lines": documents.LINES_AN_ORDER}),
        ("orders_updated", {"first": documents.ORDERS_A_CALL, "lines": documents.LINES_AN_ORDER}),
        ("product_nodes", {"ids": documents.PRODUCTS_A_CALL, "collections": documents.COLLECTIONS_A_PRODUCT}),
        ("product_variants", {"first": documents.VARIANTS_A_CALL}),
        ("product_collections", {"first": documents.COLLECTIONS_A_CALL}),
        ("variant_nodes", {"ids": documents.VARIANTS_A_CALL}),
        (
            "products_updated",
            {
                "first": documents.WHOLE_PRODUCTS_A_CALL,
                "variants": documents.VARIANTS_A_PRODUCT,
                "collections": documents.COLLECTIONS_A_WHOLE_PRODUCT,
            },
        ),
        ("collection_nodes", {"ids": documents.COLLECTIONS_A_CALL}),
        ("collection_members", {"first": documents.MEMBERS_A_CALL}),
        ("collections_updated", {"first": documents.COLLECTIONS_A_CALL}),
        ("order_lines", {"first": documents.LINES_A_CALL}),
        ("webhook_list", {}),
    ],
)
def test_no_call_costs_more_than_a_query_may(name, variables):
    assert 0 < cost(documents.load(name), variables) <= 1000
