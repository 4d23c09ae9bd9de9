"""Every action of a page authenticates its user again, and only members act in a project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from backend.administration.projects import creation
from backend.config import Settings
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.errors import Unavailable
from backend.core.vault.vault import Vault
from backend.core.wakeups import WakeUpListener
from backend.identity.auth.accounts import sessions, users
from backend.identity.auth.errors import InvalidSession, ProjectNotFound
from backend.identity.auth.last_use import LastUse
from backend.identity.auth.membership import project_of
from backend.identity.auth.principal import Role
from backend.identity.projects import service as projects
from backend.storage.local import LocalStorage
from studio import session

PORT = 8123


@dataclass(frozen=True)
class Headers:
    """The headers that Reflex stores of a browser's request."""

    cookie: str


@dataclass(frozen=True)
class Router:
    """The object in which Reflex stores the headers."""

    headers: Headers


@dataclass(frozen=True)
class Browser:
    """The part of a page's state that authentication needs."""

    router: Router

    @classmethod
    def with_token(cls, token: str) -> Browser:
        return cls(Router(Headers(f"other=1; puras_session_{PORT}={token}")))


@pytest_asyncio.fixture
async def _served(database: Database, redis_url: str, tmp_path: Path) -> Iterator[None]:
    redis = Redis.from_url(redis_url)
    instance = AppContext(
        settings=Settings(home=tmp_path, port=PORT, public_url=None),
        database=database,
        redis=redis,
        storage=LocalStorage(tmp_path / "storage"),
        vault=Vault.open(tmp_path, None),
        wakeups=WakeUpListener(redis),
    )
    last_use = LastUse(database)
    with session.serving(instance, last_use):
        yield
    await last_use.close()
    await redis.aclose()


@dataclass(frozen=True)
class Signed:
    """A signed-in user in a browser, with a project."""

    browser: Browser
    token: str
    project: str


async def sign_in(database: Database, name: str) -> Signed:
    async with database.transaction() as unit:
        user = await users.create(
            unit, email=f"{name}@example.org", password="three words make one", name=name, is_operator=False
        )
        started = await sessions.start(unit, user)
        project = await creation.create(unit, name=name, created_by=started.signed_in, concurrency_limit=5)
    return Signed(Browser.with_token(started.token), started.token, project.slug)


@pytest.mark.usefixtures("_served")
async def test_a_member_acts_in_a_project_with_their_role(database: Database) -> None:
    ada = await sign_in(database, "ada")
    async with session.acting(ada.browser, ada.project) as act:
        assert act.principal.label == "user:ada@example.org"
        assert act.principal.role is Role.OWNER


@pytest.mark.usefixtures("_served")
async def test_a_user_cannot_act_in_a_project_of_another_user(database: Database) -> None:
    ada, eve = await sign_in(database, "ada"), await sign_in(database, "eve")
    with pytest.raises(ProjectNotFound):
        async with session.acting(eve.browser, ada.project):
            pytest.fail("a user who is no member was admitted")


@pytest.mark.usefixtures("_served")
async def test_an_open_page_has_no_access_after_the_sign_out(database: Database) -> None:
    ada = await sign_in(database, "ada")
    async with database.transaction() as unit:
        await sessions.end(unit, ada.token)
    with pytest.raises(InvalidSession):
        async with session.acting(ada.browser, ada.project):
            pytest.fail("an ended session was accepted")


@pytest.mark.usefixtures("_served")
@pytest.mark.parametrize(
    "cookie", ["", "puras_session_8123=", "puras_session_8123=made-up", "puras_session_80=x"]
)
async def test_a_browser_without_a_session_is_not_authenticated(cookie: str) -> None:
    with pytest.raises(InvalidSession):
        async with session.visiting(Browser(Router(Headers(cookie)))):
            pytest.fail("a browser without a session was admitted")


@pytest.mark.usefixtures("_served")
async def test_a_failed_action_changes_nothing(database: Database) -> None:
    ada = await sign_in(database, "ada")
    with pytest.raises(RuntimeError):
        async with session.acting(ada.browser, ada.project) as act:
            await projects.change(act.session, act.principal, name="Changed")
            raise RuntimeError
    async with session.acting(ada.browser, ada.project) as act:
        assert (await project_of(act.session, act.principal)).name == "ada"


async def test_a_stopping_studio_returns_an_error() -> None:
    with pytest.raises(Unavailable):
        async with session.visiting(Browser.with_token("x")):
            pytest.fail("there is no instance")
