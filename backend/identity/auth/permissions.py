"""Declare and check the permission of each route of `/v1`.

Every endpoint declares exactly one permission:

    @router.post("/webhooks")
    @permissions.needs("webhooks:write", role=Role.DEVELOPER)
    async def create_webhook(…): …

The check runs before the path, the query and the body are validated, so that a caller without the permission gets 403
whatever it sends. `AuthorizedRoute` cannot be created for an endpoint without a declaration.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, TypeVar

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive, Scope, Send

from backend.context import AppContext
from backend.core.errors import NotAllowed, NotSignedIn
from backend.core.http import query_parameters
from backend.core.http.lazy_routes import LazyRoute
from backend.identity.auth import membership
from backend.identity.auth.actors import Caller, SignedIn
from backend.identity.auth.errors import ProjectNotNamed
from backend.identity.auth.principal import Principal, Role
from backend.identity.auth.scopes import SCOPES

Who = Literal["anyone", "caller", "member", "person", "operator", "job"]

StreamCheck = Callable[[AsyncSession, Principal], Awaitable[object]]
"""A function that raises when the principal may no longer read the streamed response."""

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_NO_KEY: Final = "This needs an API key: send the header 'Authorization: Bearer puras_live_…', or sign in."


@dataclass(frozen=True, slots=True)
class Permission:
    """The requirements of a route for its caller."""

    who: Who
    """`anyone` without credentials, any authenticated `caller`, a `member` or key of the project, a signed-in
    user (`person`), an `operator` of the instance, or a running `job`."""
    scopes: tuple[str, ...] = ()
    """Scopes that a key or a job needs, all of them."""
    role: Role = Role.VIEWER
    """Minimum role of a member."""
    is_for_publishable: bool = True
    """Whether publishable keys that have the scopes may use the route."""

    def __post_init__(self) -> None:
        unknown = set(self.scopes) - SCOPES.keys()
        if unknown:
            raise ValueError(
                f"There is no scope {', '.join(sorted(unknown))}. Add it to backend/identity/auth/scopes.py."
            )


_declared: dict[Callable[..., Any], Permission] = {}


def needs(
    *scopes: str, role: Role = Role.VIEWER, is_for_publishable: bool = True
) -> Callable[[_Endpoint], _Endpoint]:
    """Declare that the route is for members of the project with at least the role, and for keys with all scopes."""
    return _declare(Permission("member", scopes, role, is_for_publishable))


def any_caller(*scopes: str) -> Callable[[_Endpoint], _Endpoint]:
    """Declare that the route is for all callers with credentials, and for keys with the scopes."""
    return _declare(Permission("caller", scopes))


def people_only() -> Callable[[_Endpoint], _Endpoint]:
    """Declare that the route is for signed-in users in any project, and never for a key."""
    return _declare(Permission("person"))


def operators_only() -> Callable[[_Endpoint], _Endpoint]:
    """Declare that the route is for signed-in operators of the instance."""
    return _declare(Permission("operator"))


def jobs_only(*scopes: str) -> Callable[[_Endpoint], _Endpoint]:
    """Declare that the route is for the tokens of running jobs."""
    return _declare(Permission("job", scopes, Role.DEVELOPER))


def open_to_all() -> Callable[[_Endpoint], _Endpoint]:
    """Declare that the route needs no credentials: its path contains one, or its response is public."""
    return _declare(Permission("anyone"))


def _declare(permission: Permission) -> Callable[[_Endpoint], _Endpoint]:
    def declare(endpoint: _Endpoint) -> _Endpoint:
        _declared[endpoint] = permission
        return endpoint

    return declare


def of(endpoint: Callable[..., Any]) -> Permission:
    """Return the permission that an endpoint declares.

    Raises:
        LookupError: The endpoint declares no permission.
    """
    try:
        return _declared[endpoint]
    except KeyError:
        raise LookupError(
            f"{endpoint.__module__}.{endpoint.__qualname__} declares no permission. Put one of "
            "backend.identity.auth.permissions (needs, any_caller, people_only…) right above the function."
        ) from None


class AuthorizedRoute(LazyRoute):
    """A route that checks its permission before it parses the request."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.permission = of(endpoint)
        super().__init__(path, endpoint, **options)

    @cached_property
    def _query_names(self) -> frozenset[str]:
        return query_parameters.names(self)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request if its caller has the permission."""
        if scope["method"] in (self.methods or ()):  # the response to other methods is 405
            await authorize(scope, self.permission)
            if self.permission.who != "anyone":  # mail clients and others add parameters to signed links
                query_parameters.reject_unknown(QueryParams(scope["query_string"]), self._query_names)
        await super().handle(scope, receive, send)


async def authorize(scope: Scope, permission: Permission) -> None:
    """Check that the caller of the request has the permission, and store its principal in the scope's state.

    Raises:
        NotSignedIn: The request has no caller.
        NotAllowed: The caller does not have the permission.
        ProjectNotNamed: A request by session does not name a project.
        ProjectNotFound: The project does not exist, or the caller is not in it.
    """
    if permission.who == "anyone":
        return
    state = scope.setdefault("state", {})
    state["permission"] = permission
    caller: Caller | None = state.get("caller")
    if caller is None:
        raise NotSignedIn(_NO_KEY)
    if permission.who in ("person", "operator"):
        _require_user(caller, permission.who)
    elif isinstance(caller, Principal):
        _require(caller, permission)
        project = scope.get("path_params", {}).get("project")
        if project is not None:
            await _act_in(scope, caller, project)
        state["principal"] = caller
    elif permission.who == "member":
        principal = await _act_in(scope, caller, _project_reference(scope))
        principal.require(permission.role, *permission.scopes)
        state["principal"] = principal
    elif permission.who == "job":
        _require_job(caller)


async def authorize_again(scope: Scope, caller: Caller) -> None:
    """Check again that the caller of a request in progress has the permission.

    Args:
        scope: Scope of the request, which `authorize` has accepted before.
        caller: Its caller as it is in the database now.

    Raises:
        NotAllowed: The caller no longer has the permission.
        ProjectNotFound: The caller is no longer in the project.
        PurasError: The check of `while_streaming` rejects the caller.
    """
    permission: Permission | None = scope["state"].get("permission")
    if permission is None:  # the request reached no route
        return
    new_scope = {**scope, "state": {"caller": caller}}
    await authorize(new_scope, permission)
    check: StreamCheck | None = scope["state"].get("stream_check")
    principal: Principal | None = new_scope["state"].get("principal")
    if check is not None and principal is not None:
        context: AppContext = scope["app"].state.context
        async with context.database.transaction() as session:
            await check(session, principal)


def while_streaming(request: Request, check: StreamCheck) -> None:
    """Run `check` repeatedly while the response is streamed; an error that it raises ends the stream."""
    request.state.stream_check = check


def _require(caller: Principal, permission: Permission) -> None:
    """Check the permission of a key or a job, which act in one project."""
    if permission.who == "job":
        _require_job(caller)
    caller.require(permission.role, *permission.scopes)
    if caller.kind == "publishable_key" and not permission.is_for_publishable:
        raise NotAllowed(
            "A publishable key can read single jobs by ID, but not list jobs or read the input of a model. Use a "
            "secret key from your server."
        )


def _require_job(caller: Caller) -> None:
    if isinstance(caller, SignedIn) or caller.kind != "job":
        raise NotAllowed(
            "Only a running job can call this, with the token of its sandbox. Call it from a skill, with the kit."
        )


def _require_user(caller: Caller, who: Who) -> None:
    if not isinstance(caller, SignedIn):
        raise NotAllowed(
            "Only a signed-in user can do this, not an API key. Sign in to the studio, or use `puras-studio` on "
            "the server."
        )
    if who == "operator" and not caller.is_operator:
        raise NotAllowed("Only an operator of this instance can do this. Ask an operator.")


def _project_reference(scope: Scope) -> str:
    """Return the project that a request by session names: in its path, else its header, else its query."""
    from_path = scope.get("path_params", {}).get("project")
    if from_path is not None:
        return str(from_path)
    named = Headers(scope=scope).get("x-puras-project") or QueryParams(scope["query_string"]).get("project")
    if not named:
        raise ProjectNotNamed
    return named


async def _act_in(scope: Scope, caller: Caller, project: str) -> Principal:
    context: AppContext = scope["app"].state.context
    async with context.database.transaction() as session:
        return await membership.act_in(session, caller, project)
