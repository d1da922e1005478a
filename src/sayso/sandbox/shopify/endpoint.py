"""`POST /admin/api/{version}/graphql.json`."""

from typing import Any

import msgspec
from graphql import ExecutionResult, execute, get_operation_ast
from starlette.requests import Request
from starlette.responses import Response

from ..database import encode
from ..world import World
from . import cost, oauth
from .acts import Acts
from .schema import VERSIONS, prepare, schema
from .scope import Scope


def _answer(content: Any, status: int = 200, version: str = VERSIONS[-1]) -> Response:
    return Response(encode(content), status, {"X-Shopify-API-Version": version}, "application/json")


def _throttle(world: World, scope: Scope, requested: int, actual: int | None) -> dict[str, Any]:
    bucket = world.bucket(scope.shop)
    return {
        "cost": {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": float(bucket.size),
                "currentlyAvailable": int(bucket.available()),
                "restoreRate": float(bucket.rate),
            },
        }
    }


class GraphQL:
    """Answers the Admin API of all shops."""

    def __init__(self, world: World, acts: Acts) -> None:
        self.world, self.acts = world, acts

    async def answer(self, request: Request) -> Response:
        """One GraphQL request. Everything but a bad token is answered with HTTP 200, errors included."""
        shop = self.world.shops.get(request.path_params["domain"])
        if shop is None:
            return _answer({"errors": "Not Found"}, 404)
        if not oauth.token_is_good(self.world, shop, request.headers.get("x-shopify-access-token")):
            return _answer(
                {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}, 401
            )
        version = request.path_params["version"]
        if version not in VERSIONS:
            # an unknown version falls forward to the oldest one that is still spoken
            version = VERSIONS[0]
        try:
            asked = msgspec.json.decode(await request.body())
            text, variables = str(asked["query"]), asked.get("variables") or {}
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            return _answer({"errors": {"query": "Required parameter missing or invalid"}}, 400, version)
        scope = Scope.over(self.world.db, shop, self.world.base, version, self.acts)
        return _answer(self.run(scope, text, variables, asked.get("operationName")), 200, version)

    def run(self, scope: Scope, text: str, variables: dict[str, Any], operation_name: str | None) -> dict[str, Any]:
        """Check, price and execute a document."""
        document, errors = prepare(scope.version, text)
        if document is None:
            return {"errors": [error.formatted for error in errors]}
        operation = get_operation_ast(document, operation_name)
        if operation is None:
            return {
                "errors": [{"message": "An operation name is required", "extensions": {"code": "missingOperationName"}}]
            }
        made = schema(scope.version)
        points = cost.requested(made, document, operation, variables)
        if points > cost.LIMIT:
            return {
                "errors": [
                    {
                        "message": f"Query cost is {points}, which exceeds the single query max cost limit "
                        f"({cost.LIMIT}).",
                        "extensions": {
                            "code": "MAX_COST_EXCEEDED",
                            "cost": points,
                            "maxCost": cost.LIMIT,
                            "documentation": "https://shopify.dev/api/usage/rate-limits",
                        },
                    }
                ]
            }
        bucket = self.world.bucket(scope.shop)
        if bucket.available() < points:
            return {
                "errors": [
                    {
                        "message": "Throttled",
                        "extensions": {
                            "code": "THROTTLED",
                            "documentation": "https://shopify.dev/api/usage/rate-limits",
                        },
                    }
                ],
                "extensions": _throttle(self.world, scope, points, None),
            }
        with self.world.db.transaction():
            result = execute(
                made, document, context_value=scope, variable_values=variables, operation_name=operation_name
            )
        if not isinstance(result, ExecutionResult):
            raise TypeError("a resolver of the sandbox must not be asynchronous")
        actual = max(1, points - scope.saved)
        bucket.spend(actual)
        answer: dict[str, Any] = {"data": result.data, "extensions": _throttle(self.world, scope, points, actual)}
        if scope.warnings:
            answer["extensions"]["search"] = scope.warnings
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        return answer
