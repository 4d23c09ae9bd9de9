"""The REST application: its middleware, routers and lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from backend import api, config, openapi
from backend.administration.monitoring import api as metrics
from backend.administration.monitoring import health
from backend.authoring.python_help.process import PythonAnalyzer
from backend.config import Settings
from backend.context import AppContext
from backend.core import logs
from backend.core.http import exception_handlers
from backend.core.http.middleware import ApiCors, Boundary
from backend.core.metrics.http import RequestMetrics
from backend.core.process_metrics.reporter import Reporter
from backend.core.tracing.setup import tracing
from backend.core.version import version
from backend.execution.jobs.fast_route import FastJobRoute
from backend.identity.auth.gate import Gate
from backend.identity.auth.last_use import LastUse
from backend.identity.auth.rate_limits.requests import RateLimiter
from backend.identity.auth.rate_limits.sign_ins import Throttle
from backend.identity.auth.request_tracing import RequestTracing
from backend.identity.limits.concurrency import ConcurrencyLimit
from backend.publishing import public_api
from backend.sign_in import join_pages, pages, password_pages
from backend.startup import open_context


def create_app(settings: Settings | None = None) -> FastAPI:
    """Create the application. Its lifespan opens the instance that the settings describe."""
    settings = settings or config.settings()
    app = FastAPI(
        routes=_routes(),
        title=openapi.TITLE,
        version=version(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=openapi.operation_id,
        lifespan=lifespan,
        exception_handlers=exception_handlers.handlers(),
        # The telemetry of FastAPI exports paths and queries, which can contain credentials. Ours exports templates.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        middleware=[
            Middleware(RequestMetrics),
            Middleware(ApiCors),  # before the others, so that pages of other origins can read errors too
            Middleware(
                Boundary, is_https=settings.url.startswith("https://"), proxies=settings.proxy_networks
            ),
            Middleware(FastJobRoute),
            Middleware(Gate),
            Middleware(RequestTracing),
        ],
    )
    app.state.settings = settings
    openapi.describe(app)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Return the routes, once per process, so that several applications share what was analyzed of them."""
    others = FastAPI(openapi_url=None, generate_unique_id_function=openapi.operation_id)
    others.include_router(health.router)
    others.include_router(metrics.router)
    others.include_router(pages.router)
    others.include_router(password_pages.router)
    others.include_router(join_pages.router)
    others.include_router(public_api.router)
    return [*api.router.routes, *others.routes]  # most requests are for the first ones


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the instance for the application, which may be mounted in another one, and close it at the end."""
    settings: Settings = app.state.settings
    logs.configure(settings.log_level, settings.log_format)
    traces = tracing(settings.otlp_endpoint, role="api", version=app.version)
    async with traces, open_context(settings, has_socket=True) as context, serving(app, context):
        yield


@asynccontextmanager
async def serving(app: FastAPI, context: AppContext) -> AsyncIterator[None]:
    """Let the application serve an open instance."""
    app.state.context = context
    app.state.last_use = LastUse(context.database)
    app.state.throttle = Throttle(context.redis)
    app.state.rates = RateLimiter(context.redis)
    app.state.python_analyzer = PythonAnalyzer()
    app.state.open_requests = ConcurrencyLimit(
        context.settings.open_requests, what="requests", setting="PURAS_OPEN_REQUESTS"
    )
    app.state.reporter = Reporter(context.database, "api")
    app.state.reporter.start()
    try:
        yield
    finally:
        await app.state.reporter.close()
        await app.state.python_analyzer.close()
        await app.state.rates.close()
        await app.state.last_use.close()
