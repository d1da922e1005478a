"""Placeholder."""
from starlette.routing import Route
class Pages:
    def __init__(self, sandbox): ...
    def routes(self) -> list[Route]: return []
