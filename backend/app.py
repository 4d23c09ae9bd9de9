"""The REST application: what stands in front of the routes, and what they stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from starlette.middleware import Middleware

from backend import answers, api, config, health, logs, openapi
from backend.auth import pages, password_pages
from backend.auth.gate import Gate
from backend.auth.last_use import LastUse
from backend.auth.throttle import Throttle
from backend.boundary import ApiCors, Boundary
from backend.config import Settings
from backend.deployments import public
from backend.instance import Instance, open_instance
from backend.limits.rates import RateLimiter


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; its lifespan opens the instance that the settings name."""
    settings = settings or config.settings()
    app = FastAPI(
        title=openapi.TITLE,
        version=_version(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=openapi.operation_id,
        lifespan=lifespan,
        exception_handlers=answers.handlers(),
        middleware=[
            Middleware(ApiCors),  # outermost, so that pages of other origins can read errors too
            Middleware(
                Boundary, is_https=settings.url.startswith("https://"), proxies=settings.proxy_networks
            ),
            Middleware(Gate),
        ],
    )
    app.state.settings = settings
    app.include_router(health.router)
    app.include_router(pages.router)
    app.include_router(password_pages.router)
    app.include_router(public.router)
    app.include_router(api.router)
    openapi.describe(app)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the instance for the application, which may be part of a greater one, and close it in the end."""
    settings: Settings = app.state.settings
    logs.configure(settings.log_level, settings.log_format)
    async with open_instance(settings) as instance, serving(app, instance):
        yield


@asynccontextmanager
async def serving(app: FastAPI, instance: Instance) -> AsyncIterator[None]:
    """Let the application serve an instance that is open already."""
    app.state.instance = instance
    app.state.last_use = LastUse(instance.database)
    app.state.throttle = Throttle(instance.redis)
    app.state.rates = RateLimiter(instance.redis)
    try:
        yield
    finally:
        await app.state.rates.close()
        await app.state.last_use.close()


def _version() -> str:
    try:
        return version("puras-studio")
    except PackageNotFoundError:
        return "0"
