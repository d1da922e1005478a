"""Points of a query, after the platform's published rules as far as they are known.

Objects cost 1, scalars 0, mutations 10, a connection 2 plus one per item asked for. The platform
counts what lies below a list far less than linearly; here a list inside a list adds the square root
of the product of both sizes, which keeps everyday pages below the limit of 1000 and lets greedy
ones fail.
"""

from math import ceil, sqrt
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_object_type,
)

LIMIT = 1000
MUTATION = 10


class _Counter:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any]) -> None:
        self.schema, self.variables = schema, variables
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }

    def below(self, selections: SelectionSetNode | None, parent: Any, outer: int) -> int:
        total = 0
        for node in selections.selections if selections else ():
            if isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                total += self.below(
                    fragment.selection_set, self.schema.type_map[fragment.type_condition.name.value], outer
                )
            elif isinstance(node, InlineFragmentNode):
                inner = self.schema.type_map[node.type_condition.name.value] if node.type_condition else parent
                total += self.below(node.selection_set, inner, outer)
            elif isinstance(node, FieldNode) and not node.name.value.startswith("__"):
                total += self.field(node, parent, outer)
        return total

    def field(self, node: FieldNode, parent: Any, outer: int) -> int:
        name = node.name.value
        definition = parent.fields[name]
        kind = get_named_type(definition.type)
        if parent is self.schema.mutation_type:
            return MUTATION
        if not is_composite_type(kind):
            return 0
        if kind.name.endswith("Connection"):
            size = self.argument(node, "first") or self.argument(node, "last") or 0
            inner = self.below(node.selection_set, kind, size)
            return 2 + (size if outer <= 1 else ceil(sqrt(size * outer))) + inner
        if name == "nodes" and parent is self.schema.query_type:
            given = next((arg.value for arg in node.arguments or () if arg.name.value == "ids"), None)
            ids = (
                self.variables.get(given.name.value)
                if isinstance(given, VariableNode)
                else getattr(given, "values", ())
            )
            return max(1, len(ids or ())) + self.below(node.selection_set, kind, len(ids or ()))
        # the page, its edges and nodes are paid for by the connection itself
        free = (
            name in {"edges", "nodes", "node", "pageInfo"}
            and is_object_type(parent)
            and parent is not self.schema.query_type
        )
        return (0 if free else 1) + self.below(node.selection_set, kind, outer)

    def argument(self, node: FieldNode, name: str) -> int:
        value = next((arg.value for arg in node.arguments or () if arg.name.value == name), None)
        if isinstance(value, VariableNode):
            found = self.variables.get(value.name.value)
            return found if isinstance(found, int) else 0
        return int(value.value) if isinstance(value, IntValueNode) else 0


def requested(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: dict[str, Any]
) -> int:
    """The points a query may need at most."""
    root = schema.mutation_type if operation.operation.value == "mutation" else schema.query_type
    return max(1, _Counter(schema, document, variables).below(operation.selection_set, root, 1))
