"""Which queries may run in bulk. The words of refusals are close to Shopify's, not always equal."""

from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
    parse,
    validate,
)
from graphql.language import StringValueNode

from .bulk_rows import ROOT_CONNECTIONS
from .selections import edge_node, fields_of

MOST_CONNECTIONS = 5
DEEPEST = 2


@dataclass
class Query:
    """A checked bulk query: the root connection, its `query:` argument and what each node selects."""

    root: str
    search: str | None
    node: SelectionSetNode
    fragments: dict[str, FragmentDefinitionNode]


class _Walk:
    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self.fragments = fragments
        self.connections = 0

    def visit(self, selections: SelectionSetNode, kind: Any, depth: int) -> str | None:
        """The first complaint below `selections`, or None."""
        fields = fields_of(selections, self.fragments)
        for field in fields:
            name = field.name.value
            definition = getattr(kind, "fields", {}).get(name)
            if definition is None or not field.selection_set:
                continue
            inner = get_named_type(definition.type)
            if inner.name.endswith("Connection"):
                complaint = self.connection(field, inner, fields, depth)
            elif is_composite_type(inner):
                complaint = self.visit(field.selection_set, inner, depth)
            else:
                complaint = None
            if complaint:
                return complaint
        return None

    def connection(self, field: FieldNode, kind: Any, siblings: list[FieldNode], depth: int) -> str | None:
        """The complaint about one connection, or None."""
        self.connections += 1
        if self.connections > MOST_CONNECTIONS:
            return f"Bulk queries cannot contain more than {MOST_CONNECTIONS} connections."
        if depth > DEEPEST:
            return f"Bulk queries cannot contain connections with a nesting depth greater than {DEEPEST}."
        if depth and not any(one.name.value == "id" for one in siblings):
            return (
                "The parent 'node' field for a nested connection must select the 'id' field. "
                f"Connection fields without 'id': {field.name.value}."
            )
        if any(
            one.name.value == "nodes"
            for one in fields_of(field.selection_set or SelectionSetNode(selections=()), self.fragments)
        ):
            return "Bulk queries must use 'edges' and 'node': the 'nodes' field is not supported."
        node = edge_node(field, self.fragments)
        if node is None:
            return "Bulk queries must select 'edges' and 'node' of each connection."
        edge: Any = get_named_type(kind.fields["edges"].type)
        return self.visit(node, get_named_type(edge.fields["node"].type), depth + 1)


class Refusal(ValueError):
    """This query may not run in bulk; the text is the answer to the app."""


def check(schema: GraphQLSchema, text: str) -> Query:
    """The query taken apart. Raises Refusal."""
    try:
        document = parse(text, max_tokens=20_000)
    except GraphQLSyntaxError as error:
        raise Refusal(f"Invalid bulk query: {error.message}") from None
    errors = validate(schema, document)
    if errors:
        raise Refusal(f"Invalid bulk query: {errors[0].message}")
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if len(operations) != 1 or operations[0].operation.value != "query":
        raise Refusal("Invalid bulk query: exactly one query operation is expected.")
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    roots = fields_of(operations[0].selection_set, fragments)
    if any(root.name.value in {"node", "nodes"} for root in roots):
        raise Refusal("Bulk queries cannot contain a top level `node` field.")
    walk = _Walk(fragments)
    complaint = walk.visit(operations[0].selection_set, schema.query_type, 0)
    if complaint:
        raise Refusal(complaint)
    if not walk.connections:
        raise Refusal("Bulk queries must contain at least one connection.")
    node = edge_node(roots[0], fragments)
    if len(roots) != 1 or roots[0].name.value not in ROOT_CONNECTIONS or node is None:
        raise Refusal("The sandbox runs bulk queries over one of: " + ", ".join(sorted(ROOT_CONNECTIONS)) + ".")
    search = next((arg.value for arg in roots[0].arguments or () if arg.name.value == "query"), None)
    return Query(roots[0].name.value, search.value if isinstance(search, StringValueNode) else None, node, fragments)
