"""Routes that FastAPI analyzes at their first request.

FastAPI builds the validators of all parameters and responses of a route when the route is created, and again when its
router is included in another one. For 220 routes this takes almost a second of each start, and most processes get
requests for few of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import compile_path


class LazyRoute(APIRoute):
    """A route of which only the path and the methods are known before its first use.

    The first use also reports a wrong declaration. The OpenAPI document uses every route, and tests create it.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._options = options
        self._is_analyzed = False
        self.path = path
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self.endpoint = endpoint
        self.name = options.get("name") or endpoint.__name__
        self.methods = {method.upper() for method in options.get("methods") or ("GET",)}

    if not TYPE_CHECKING:  # type checkers would accept any attribute

        def __getattr__(self, name: str) -> Any:
            """Analyze the route, because an attribute is read that the analysis sets."""
            if "_options" not in self.__dict__ or self._is_analyzed:
                raise AttributeError(name)
            super().__init__(self.path, self.endpoint, **self._options)
            self._is_analyzed = True
            return getattr(self, name)

    def within(self, table: APIRouter) -> Self:
        """Return this route with the prefix and the naming of operations of a table.

        The maximum size of a body that the table sets applies if the route has none.
        """
        limit = self._options.get("max_body_size")
        options = self._options | {
            "max_body_size": table.max_body_size if limit is None else limit,
            "generate_unique_id_function": table.generate_unique_id_function,
        }
        return type(self)(table.prefix + self.path, self.endpoint, **options)


def include(table: APIRouter, *routers: APIRouter) -> None:
    """Add the routes of the routers to a table, as `include_router` does, but without an analysis.

    Raises:
        TypeError: A router was made without `route_class`, or with one that is not a `LazyRoute`.
    """
    for router in routers:
        for route in router.routes:
            if not isinstance(route, LazyRoute):
                raise TypeError(
                    f"The route {route} is not a `LazyRoute`. Make its router with a `route_class`."
                )
            table.routes.append(route.within(table))
