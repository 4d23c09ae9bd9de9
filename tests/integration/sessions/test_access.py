"""Who sees a session: projects, restricted keys, and the users of an application behind a publishable key."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from tests.doubles.messages import says
from tests.integration.agents.conftest import Agents, Served
from tests.integration.deployments.conftest import Projects
from tests.integration.openai_api.conftest import BUNDLE
from tests.integration.sessions.conftest import Chat, said, started

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "a key of at least thirty-two bytes, and of sixty-four for SHA-512"


def token(user: str = "ada", *, key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    """Return the token that the server of an application signs."""
    return jwt.encode({"sub": user, "exp": time.time() + 60, **claims}, key, algorithm=algorithm)


async def key_of(agents: Agents, **fields: Any) -> dict[str, str]:
    """Create a key, and return its header."""
    response = await agents.project.http.post("/v1/api-keys", json={"name": "other", **fields})
    assert response.status_code == 201, response.text
    return {"Authorization": f"Bearer {response.json()['key']}"}


@pytest.fixture
async def browser(working: Agents) -> dict[str, str]:
    """Return the header of a publishable key for the skill, in a project that verifies tokens."""
    response = await working.project.http.put("/v1/secrets", json={"name": "END_USER_KEY", "value": KEY})
    assert response.status_code in (200, 201, 204), response.text
    return await key_of(working, kind="publishable", skill_allowlist=["default/talk"])


async def opened(agents: Agents, headers: dict[str, str], skill: str = "talk") -> Chat:
    """Start a session with these headers."""
    response = await agents.project.http.post("/v1/sessions", json={"skill": skill}, headers=headers)
    assert response.status_code == 201, response.text
    return Chat(agents.project.http, response.json()["id"], headers)


async def statuses(chat: Chat, headers: dict[str, str]) -> set[int]:
    """Return the statuses of all requests for a session with other headers."""
    http, path = chat.http, f"/v1/sessions/{chat.id}"
    requests: list[httpx.Response] = [
        await http.get(path, headers=headers),
        await http.get(f"{path}/messages", headers=headers),
        await http.get(f"{path}/stream?follow=false", headers=headers),
        await http.post(f"{path}/messages", json={"content": "x"}, headers=headers),
        await http.post(f"{path}/cancel", headers=headers),
        await http.patch(path, json={"title": "mine"}, headers=headers),
        await http.delete(path, headers=headers),
    ]
    return {one.status_code for one in requests}


async def test_other_project_sees_nothing(working: Agents, served: Served) -> None:
    working.upstream.script = [says("One.")]
    chat = await started(working)
    await chat.send("Question 1")
    await chat.when_idle()
    other = await Projects(served.app, served.instance.database, []).make("Other")
    await other.pushed(BUNDLE)
    headers = {"Authorization": other.http.headers["Authorization"]}
    assert await statuses(chat, headers) == {404}
    listed = await other.http.get("/v1/sessions")
    assert listed.json() == []
    assert (await other.http.get(f"/v1/jobs?session_id={chat.id}")).json() == []


async def test_restricted_key_sees_its_own_sessions(working: Agents) -> None:
    chat = await started(working)
    headers = await key_of(working, scopes=["jobs:submit", "jobs:read_own"])
    assert await statuses(chat, headers) == {404}
    own = await opened(working, headers)
    listed = await working.project.http.get("/v1/sessions", headers=headers)
    assert [one["id"] for one in listed.json()] == [own.id]
    reader = await key_of(working, scopes=["jobs:read"])
    assert (await working.project.http.get(f"/v1/sessions/{chat.id}", headers=reader)).status_code == 200
    refused = await working.project.http.post("/v1/sessions", json={"skill": "talk"}, headers=reader)
    assert refused.status_code == 403


async def test_users_of_a_publishable_key_see_their_own_sessions(
    working: Agents, browser: dict[str, str]
) -> None:
    working.upstream.script = [says("One.")]
    ada, bob = ({**browser, "X-Puras-End-User": token(user)} for user in ("ada", "bob"))
    chat = await opened(working, ada)
    sent = await chat.send("My secret question")
    assert [said(one) for one in await chat.when_idle()] == ["My secret question", "One."]
    assert (await chat.read())["end_user"] == "ada"
    assert await statuses(chat, bob) == {404}
    http = working.project.http
    for headers in (browser, bob, ada):
        for path in ("", "/events", "/stream", "/receipt", "/outputs"):
            response = await http.get(f"/v1/jobs/{sent['job_id']}{path}", headers=headers)
            assert response.status_code in (403, 404), (path, response.text)
    assert (await http.get("/v1/sessions?end_user=ada", headers=bob)).json() == []
    assert (await http.get("/v1/sessions?q=secret", headers=bob)).json() == []
    assert [one["id"] for one in (await http.get("/v1/sessions", headers=ada)).json()] == [chat.id]
    assert [one["id"] for one in (await http.get("/v1/sessions?end_user=ada")).json()] == [chat.id]
    assert (await http.patch(f"/v1/sessions/{chat.id}", json={"title": "Owls"}, headers=ada)).json()[
        "title"
    ] == "Owls"
    assert (await http.delete(f"/v1/sessions/{chat.id}", headers=ada)).status_code == 204


async def test_idempotency_key_of_another_user_replays_nothing(
    working: Agents, browser: dict[str, str]
) -> None:
    ids = set()
    for user in ("ada", "bob", "ada"):
        headers = {**browser, "X-Puras-End-User": token(user), "Idempotency-Key": "first"}
        response = await working.project.http.post("/v1/sessions", json={"skill": "talk"}, headers=headers)
        assert response.status_code == 201
        ids.add(response.json()["id"])
    assert len(ids) == 2


async def test_forged_tokens_are_rejected(working: Agents, browser: dict[str, str]) -> None:
    chat = await opened(working, {**browser, "X-Puras-End-User": token()})
    head, body, signature = token().split(".")
    unsigned = (
        base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    )
    other = (
        base64.urlsafe_b64encode(json.dumps({"sub": "ada", "exp": time.time() + 600}).encode())
        .decode()
        .rstrip("=")
    )
    forged = [
        token(key=f"{KEY}?"),
        token(algorithm="HS512"),
        token(exp=time.time() - 60),
        f"{unsigned}.{body}.",
        f"{head}.{other}.{signature}",
        jwt.encode({"sub": "ada"}, KEY, algorithm="HS256"),
        jwt.encode({"exp": time.time() + 60}, KEY, algorithm="HS256"),
        token(""),
        token("a" * 201),
        "ada",
    ]
    for one in forged:
        assert await statuses(chat, {**browser, "X-Puras-End-User": one}) == {401}, one
    assert await statuses(chat, browser) == {403}


async def test_secret_without_enough_bytes_verifies_nothing(working: Agents, browser: dict[str, str]) -> None:
    await working.project.http.put("/v1/secrets", json={"name": "END_USER_KEY", "value": "short"})
    headers = {**browser, "X-Puras-End-User": token()}
    response = await working.project.http.post("/v1/sessions", json={"skill": "talk"}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "end_user_invalid")


async def test_publishable_key_opens_sessions_with_its_skills_only(
    working: Agents, browser: dict[str, str]
) -> None:
    headers = {**browser, "X-Puras-End-User": token()}
    response = await working.project.http.post("/v1/sessions", json={"skill": "grade"}, headers=headers)
    assert response.status_code == 403


async def test_visitors_without_a_signed_user_see_their_own_sessions_only(working: Agents) -> None:
    http = working.project.http
    fields = {"kind": "publishable", "skill_allowlist": ["default/talk"]}
    plain = await key_of(working, **fields)
    key = await key_of(working, **fields, scopes=["sessions:anonymous"])
    ada, bob = ({"X-Puras-End-User": f"visitor:{letter * 22}"} for letter in "ab")
    working.upstream.script = [says("One.")]
    chat = await opened(working, {**key, **ada})
    await chat.send("Question 1")
    assert [said(one) for one in await chat.when_idle()] == ["Question 1", "One."]
    assert await statuses(chat, {**key, **bob}) == {404}
    end_user = (await chat.read())["end_user"]
    assert end_user.startswith("visitor:")
    assert "a" * 22 not in end_user
    for headers, status, code in (
        ({**plain, **ada}, 403, "anonymous_sessions_not_allowed"),
        (ada, 403, "anonymous_sessions_not_allowed"),
        ({**key, "X-Puras-End-User": "visitor:short"}, 401, "end_user_invalid"),
        (key, 403, "end_user_required"),
        ({**key, "X-Puras-End-User": token("visitor:" + "a" * 22)}, 401, "end_user_invalid"),
    ):
        rejected = await http.post("/v1/sessions", json={"skill": "talk"}, headers=headers)
        assert (rejected.status_code, rejected.json()["code"]) == (status, code)
    embed = "/v1/embeds/talk"
    assert (await http.get(embed, headers=key)).json()["allows_visitors"] is True
    assert (await http.get(embed, headers=plain)).json()["allows_visitors"] is False
    secret = await http.post("/v1/api-keys", json={"name": "a", "scopes": ["sessions:anonymous"]})
    assert secret.status_code == 422, secret.text


async def test_key_that_replaces_another_one_sees_its_sessions(
    working: Agents, served: Served, browser: dict[str, str]
) -> None:
    http = working.project.http
    users = {user: {"X-Puras-End-User": token(user)} for user in ("ada", "bob")}
    chat = await opened(working, browser | users["ada"])
    old = (await http.get("/v1/api-keys")).json()[0]
    kind = {"kind": "publishable", "skill_allowlist": ["default/talk"]}
    other = await key_of(working, **kind)
    assert await statuses(chat, other | users["ada"]) == {404}
    await http.delete(f"/v1/api-keys/{old['id']}")
    new = await key_of(working, **kind, replaces=old["id"])
    newest_id = (await http.get("/v1/api-keys")).json()[0]["id"]
    newest = await key_of(working, **kind, replaces=newest_id)
    for key in (new, newest):
        listed = await http.get("/v1/sessions", headers=key | users["ada"])
        assert [one["id"] for one in listed.json()] == [chat.id]
        assert await statuses(chat, key | users["bob"]) == {404}
    assert await statuses(chat, other | users["ada"]) == {404}
    own = await opened(working, newest | users["ada"])
    listed = await http.get("/v1/sessions", headers=new | users["ada"])
    assert {one["id"] for one in listed.json()} == {chat.id, own.id}
    wrong_kind = await http.post("/v1/api-keys", json={"kind": "secret", "replaces": old["id"]})
    assert (wrong_kind.status_code, wrong_kind.json()["errors"][0]["path"]) == (422, "replaces")
    neighbour = await Projects(served.app, served.instance.database, []).make("Other")
    refused = await neighbour.http.post("/v1/api-keys", json={**kind, "replaces": old["id"]})
    assert refused.status_code == 404


async def test_unknown_session_is_not_found(working: Agents) -> None:
    chat = Chat(working.project.http, str(uuid4()), {})
    assert await statuses(chat, {}) == {404}
