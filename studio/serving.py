"""The server of `python -m studio.serve`: API, MCP tools and studio on one port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI
from reflex.route import get_router
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from backend import app as backend_app
from backend.config import Settings, settings
from backend.core import logs
from backend.core.http.middleware import Boundary
from backend.core.http.request_limits import BoundedHttp
from backend.core.release_files import WEB
from backend.docs_site import build as docs_build
from backend.docs_site import llms_txt
from backend.operations.checks.pages import require_pages
from backend.operations.checks.startable import require_startable
from backend.operations.locks import listen, serving_lock
from studio import embed_script, font, session, share_page, shared_job_page
from studio.documentation import Documentation, to_documentation
from studio.events import PageEvents
from studio.files import Pages
from studio.following import following
from studio.gateway import Gateway, Parts
from studio.prerender import PAGES, SCRIPT_HASHES
from studio.tools import Tools

GRACE_S: Final = 3
"""Seconds for which open streams may continue after SIGTERM; browsers reconnect automatically."""

log = logs.get(__name__)


def main() -> int:
    """Serve until a signal stops the process.

    Raises:
        PagesMissing: The pages of the studio are not built.
    """
    options = settings()
    # Absolute, because the working directory changes while Reflex is loaded.
    options = options.model_copy(update={"home": options.home.expanduser().absolute()})
    logs.configure(options.log_level, options.log_format)
    require_pages()
    asyncio.run(require_startable(options))
    gateway, api = compose(options)
    config = uvicorn.Config(
        gateway,
        host=options.host,
        port=options.port,
        http=BoundedHttp,
        log_config=None,
        log_level="warning",  # More detailed levels log the tokens of users' pages.
        access_log=False,
        server_header=False,
        # uvicorn would trust every process on this host; PURAS_TRUSTED_PROXIES is used instead.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = Server(config, api, unready_s=options.unready_s)
    with (
        listen(options.host, options.port) as listener,
        serving_lock(options.home.expanduser(), options.port),
    ):
        server.run(sockets=[listener])
    return 0 if server.started else 1


class Server(uvicorn.Server):
    """A server that, after SIGTERM, reports that it is not ready but continues to serve for some seconds."""

    def __init__(self, config: uvicorn.Config, api: FastAPI, *, unready_s: float) -> None:
        super().__init__(config)
        self._api = api
        self._unready_s = unready_s
        self._stops_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop: at SIGTERM after the unready phase, at a second signal and at SIGINT immediately."""
        self._api.state.is_stopping = True
        if sig == signal.SIGTERM and self._stops_at is None and self.started and self._unready_s:
            self._stops_at = time.monotonic() + self._unready_s
            log.info("stopping; /ready returns 503 from now on", serves_for_s=self._unready_s)
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Stop when the unready phase is over."""
        if self._stops_at is not None and time.monotonic() >= self._stops_at and not self.should_exit:
            super().handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)


def compose(options: Settings) -> tuple[Gateway, FastAPI]:
    """Return API, tools and studio as one application, whose lifespan opens the instance, and the API in it."""
    api = backend_app.create_app(options)
    tools = Tools(api, public_url=options.url)
    events = PageEvents()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with backend_app.lifespan(api), tools.running(), events.running():
            with session.serving(api.state.context, api.state.last_use):
                log.info("serving the studio and the API", url=options.url)
                yield

    is_https = options.url.startswith("https://")
    documentation = Documentation(docs_build.SITE, public_url=options.public_url or "")
    parts = Parts(
        lifespan=Starlette(lifespan=lifespan),
        api=api,
        tools=Boundary(tools, is_https=is_https, proxies=options.proxy_networks),
        events=events,
        prepare_events=events.load_soon,
        following=following,
        pages=Starlette(
            routes=[
                Route(docs_build.URL_PATH, to_documentation),
                Route(f"/{llms_txt.NAME}", documentation.index_for_models),
                Route(embed_script.URL_PATH, embed_script.EmbedScript().respond),
                Route(font.URL_PATH, font.respond),
                Route(share_page.URL_PATH, share_page.SharePage(options.public_url or "").respond),
                Route(shared_job_page.URL_PATH, shared_job_page.SharedJobPage().respond),
                Mount(docs_build.URL_PATH, app=documentation),
                Mount("/", app=_pages(options.public_url or "")),
            ]
        ),
    )
    gateway = Gateway(
        parts,
        api_routes=api.routes,
        public_url=options.url,
        session_status_of=session.session_status,
        user_id_of=session.user_id_of,
        max_pages=options.open_pages,
    )
    return gateway, api


def _pages(public_url: str) -> Pages:
    routes: list[str] = json.loads((WEB / "routes.json").read_text(encoding="utf-8"))
    router = get_router([route for route in routes if route not in ("404", "index")])
    return Pages(PAGES, SCRIPT_HASHES, router=router, public_url=public_url)
