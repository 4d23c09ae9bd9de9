"""The settings check permissions on the server, regardless of what a page shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.errors import Invalid, NotAllowed
from backend.identity.auth.last_use import LastUse
from backend.identity.auth.membership import ROLES, project_of
from backend.identity.projects import members
from backend.identity.tables import ApiKey
from studio import session
from studio.forms import end_of_day, micros, number, said
from studio.pages.settings.general import General
from studio.pages.settings.invitations import Invitations
from studio.pages.settings.keys import Keys, _row
from studio.pages.settings.members import Members
from tests.integration.studio.test_action_authentication import Signed, sign_in


@pytest_asyncio.fixture
async def _served(instance: AppContext, database: Database) -> AsyncIterator[None]:
    last_use = LastUse(database)
    with session.serving(instance, last_use):
        yield
    await last_use.close()


def page_of(user: Signed, project: str) -> Any:
    """Return the part of a page's state that its event handlers need."""

    async def read() -> None: ...

    return SimpleNamespace(router=user.browser.router, project=project, slug=project, _read=read)


@pytest.mark.usefixtures("_served")
async def test_forged_events_that_a_page_does_not_offer_are_rejected(database: Database) -> None:
    owner, viewer = await sign_in(database, "ada"), await sign_in(database, "eve")
    async with session.acting(owner.browser, owner.project) as act:
        await members.add(act.session, act.principal, email="eve@example.org", role=ROLES["viewer"])
        owner_id = str(act.principal.id)
    page = page_of(viewer, owner.project)
    for rejected in (
        General.save.fn(page, {"name": "Mine", "slug": "mine", "concurrency_limit": "7"}),
        General.delete.fn(page),
        Keys.create.fn(page, {"kind": "secret", "environment": "production"}),
        Keys.revoke.fn(page, str(uuid4())),
        Invitations.withdraw.fn(page, str(uuid4())),
    ):
        with pytest.raises(NotAllowed):
            await rejected
    for rejected in (
        Invitations.invite.fn(page, {"email": "eve@example.org", "role": "owner"}),
        Members.change.fn(page, owner_id, "viewer"),
        Members.remove.fn(page, owner_id),
    ):
        page.problem = ""
        await rejected
        assert "needs the role 'admin'" in page.problem
    async with session.acting(owner.browser, owner.project) as act:
        assert (await project_of(act.session, act.principal)).name == "ada"
        assert {one.member.role for one in await members.list_members(act.session, act.principal)} == {
            "owner",
            "viewer",
        }


@pytest.mark.usefixtures("_served")
async def test_an_invalid_value_is_reported_with_the_name_of_its_field(database: Database) -> None:
    ada = await sign_in(database, "ada")
    page = page_of(ada, ada.project)
    for form, message in (
        ({"kind": "master"}, "Kind:"),
        ({"kind": "secret", "daily_cap": "much"}, "'much' is not a valid amount in US dollars"),
        ({"kind": "secret", "expires_on": "soon"}, "'soon' is not a valid date"),
        ({"kind": "secret", "requests_per_minute": "-1"}, "Requests per minute:"),
        ({"kind": "publishable", "scope:drive:read": "on"}, "cannot have the scope 'drive:read'"),
    ):
        await Keys.create.fn(page, {"environment": "production", **form})
        assert message in page.problem


@pytest.mark.parametrize(
    ("read", "typed"),
    [(micros, "1e999999999"), (micros, "1e999999"), (micros, "NaN"), (end_of_day, "9999-12-31")],
)
def test_extreme_values_do_not_break_a_form(read: Any, typed: str) -> None:
    with pytest.raises(Invalid) as rejected:
        read({"field": typed}, "field")
    assert typed in said(rejected.value)


@pytest.mark.parametrize(
    ("kind", "scopes", "shown"),
    [
        ("publishable", [], "jobs:read_own, jobs:submit"),
        ("publishable", ["jobs:submit"], "jobs:submit"),
        ("publishable", ["jobs:read"], "jobs:read_own"),
        ("secret", ["drive:read"], "drive:read"),
        ("secret", [], ""),
    ],
)
def test_the_list_of_keys_shows_the_restrictions_of_each_key(
    kind: str, scopes: list[str], shown: str
) -> None:
    key = ApiKey(project_id=uuid4(), kind=kind, prefix="abcdefgh", secret_hash=b"", scopes=scopes)
    assert _row(key).restrictions == shown


def test_amounts_and_numbers_are_read_to_the_micro_dollar() -> None:
    assert micros({"cap": " 2.50 "}, "cap") == 2_500_000
    assert micros({}, "cap") is None
    assert (number({"most": "12"}, "most"), number({"most": "9" * 5000}, "most")) == (12, "9" * 5000)
