"""Reading a selection set: fields with fragments unfolded, and what a connection's edges select."""

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode


def fields_of(selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]) -> list[FieldNode]:
    """The fields of a selection, with fragments unfolded."""
    found: list[FieldNode] = []
    for node in selections.selections:
        if isinstance(node, FieldNode):
            found.append(node)
        elif isinstance(node, FragmentSpreadNode):
            found += fields_of(fragments[node.name.value].selection_set, fragments)
        elif isinstance(node, InlineFragmentNode):
            found += fields_of(node.selection_set, fragments)
    return found


def edge_node(field: FieldNode, fragments: dict[str, FragmentDefinitionNode]) -> SelectionSetNode | None:
    """What `edges { node { … } }` of a connection selects, or None where it does not."""
    for edges in fields_of(field.selection_set, fragments) if field.selection_set else ():
        if edges.name.value == "edges" and edges.selection_set:
            for node in fields_of(edges.selection_set, fragments):
                if node.name.value == "node" and node.selection_set:
                    return node.selection_set
    return None
