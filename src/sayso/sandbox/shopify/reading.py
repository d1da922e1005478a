"""Small resolvers that the tables of fields are made of."""

from typing import Any

from ..identifiers import gid
from .scope import Resolver


def attributes(*names: str, **renamed: str) -> dict[str, Resolver]:
    """Fields that are attributes of the record, under their own or another name."""

    def reader(attribute: str) -> Resolver:
        return lambda record, _: getattr(record, attribute)

    return {name: reader(attribute) for name, attribute in {**{n: n for n in names}, **renamed}.items()}


def fixed(**values: Any) -> dict[str, Resolver]:
    """Fields with the same value for everybody."""

    def constant(value: Any) -> Resolver:
        return lambda _, __: value

    return {name: constant(value) for name, value in values.items()}


def identity(kind: str) -> dict[str, Resolver]:
    """`id` and `legacyResourceId`."""
    return {"id": lambda record, _: gid(kind, record.id), "legacyResourceId": lambda record, _: str(record.id)}
