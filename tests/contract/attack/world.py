"""An instance with a victim in it, and everybody who might want something of the victim's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import psycopg
from sqlalchemy import update
from sqlmodel import col

from backend.administration.projects import creation
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import KeyKind
from backend.identity.auth.accounts import sessions, users
from backend.identity.auth.actors import operator
from backend.identity.auth.principal import Role
from backend.identity.projects import members
from backend.identity.tables import ApiKey, Project, User
from backend.money.ledger import service as ledger
from benchmarks.client import Client
from benchmarks.instance import Running

CANARY = "Zq7"
"""Begins every word of the victim's, and stands nowhere else."""
PASSWORD = f"{CANARY} three words make one"
BUNDLE = {
    "skills/zq7-skill/skill.yaml": b"""\
entrypoint: main.py:run
description: Zq7DESCRIPTION
input_schema: {type: object, properties: {word: {type: string}}}
output_schema: {type: object, properties: {word: {type: string}}}
""",
    "skills/zq7-skill/main.py": b"""\
def run(word=""):
    with open("drive/Zq7OUTPUT.txt", "w") as file:
        file.write("Zq7CONTENT")
    with open("drive/Zq7HIDDEN.txt", "w") as file:
        file.write("Zq7CONTENT")
    print("Zq7PRINTED")
    return {"word": "Zq7RESULT" + word}
""",
}
WORDS = (
    *("DESCRIPTION", "CONTENT", "HIDDEN.txt", "PRINTED", "RESULT"),
    *("INPUT", "META", "VALUE", "PROJECT", "PACK", "KEY"),
)
"""What the canary is followed by in places that no request names."""
Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Victim:
    """A project full of words that nobody else may see."""

    id: UUID
    owner: Client
    names: dict[str, list[str]]
    """What stands in addresses of its things, by the name of the parameter."""
    secrets: frozenset[str]
    """What no stranger may be told: words that no request holds, and ids."""


@dataclass(frozen=True, slots=True)
class People:
    """Makes callers in an instance that runs, with the services that its own commands use."""

    database: Database
    port: int

    async def user(self, email: str) -> User:
        """A person."""
        async with self.database.transaction() as session:
            return await users.create(session, email=email, password=PASSWORD)

    async def project(self, name: str, owner: User, *, credit_micros: int = 50_000_000) -> Project:
        """A project with credit."""
        async with self.database.transaction() as session:
            made = await creation.create(session, name=name, owner_id=owner.id, concurrency_limit=5)
            await ledger.top_up(
                session, project_id=made.id, amount_micros=credit_micros, created_by="operator"
            )
        return made

    async def key(self, project: UUID, kind: KeyKind = "secret", name: str = "") -> str:
        """A new key."""
        async with self.database.transaction() as session:
            made = await keys.create(session, None, project_id=project, kind=kind, name=name)
        return made.plaintext

    async def ended_key(self, project: UUID, column: str) -> str:
        """A key that was good until lately: revoked, or expired."""
        clear_text = await self.key(project)
        prefix = clear_text.split("_")[2].split(".")[0]
        values = {column: now() - timedelta(seconds=60)}
        async with self.database.transaction() as session:
            await session.execute(update(ApiKey).where(col(ApiKey.prefix) == prefix).values(**values))
        return clear_text

    async def member(self, project: UUID, user: User, role: Role) -> None:
        """Put the user into the project."""
        async with self.database.transaction() as session:
            await members.add(session, operator(project), email=user.email, role=role)

    async def session(self, user: User, project: UUID) -> Headers:
        """The headers of the user's browser, in that project."""
        async with self.database.transaction() as session:
            begun = await sessions.start(session, user)
        cookie = sessions.cookie_name(f"http://127.0.0.1:{self.port}")
        return {
            "Cookie": f"{cookie}={begun.token}",
            "X-CSRF-Token": begun.signed_in.csrf_token,
            "X-Puras-Project": str(project),
        }


def bearer(key: str) -> Headers:
    """The header that a key is sent in."""
    return {"Authorization": f"Bearer {key}"}


def lift_limits(database_url: str, project: UUID) -> None:
    """Take away the rates that a project has given itself and its keys."""
    with psycopg.connect(database_url) as connection:
        connection.execute("update projects set limits = '{}', own_limits = '{}' where id = %s", [project])
        connection.execute("update api_keys set requests_per_minute = null where project_id = %s", [project])


async def make_victim(people: People, running: Running) -> Victim:
    """A project all of whose things are named after the canary."""
    return await _furnished(people, running, CANARY)


async def make_owner(people: People, running: Running, word: str) -> Victim:
    """A project with the same things under other names, for its owner to do everything with."""
    return await _furnished(people, running, word)


async def _furnished(people: People, running: Running, word: str) -> Victim:
    low, high = word.lower(), word.upper()
    person = await people.user(f"{low}-owner@example.org")
    project = await people.project(f"{word}PROJECT", person)
    client = running.client(await people.key(project.id, name=f"{word}KEY"))
    await people.key(project.id, name="spare")  # the one that may be changed and taken away
    client.push(
        {path.replace("zq7", low): text.replace(b"Zq7", word.encode()) for path, text in BUNDLE.items()}
    )
    pack = client.call("POST", "/v1/skillpacks", {"name": f"{word}PACK", "slug": f"{low}-pack"})
    client.call("PUT", "/v1/secrets", {"name": f"{high}_SECRET", "value": f"{word}VALUE-of-it"})
    client.call("PUT", "/v1/secrets", {"name": f"{high}_HIDDEN", "value": "of no interest"})
    body = {"skill": f"{low}-skill", "inputs": {"word": f"{word}INPUT"}, "metadata": {f"{word}META": 1}}
    job = client.call("POST", "/v1/jobs?wait=true&timeout=50", body)
    assert job["status"] == "succeeded", job
    deployment, key = client.call("GET", "/v1/deployments")[0], client.call("GET", "/v1/api-keys")[0]
    file = f"{word}OUTPUT.txt"
    names = {
        "job_id": [job["id"]],
        "project": [str(project.id), project.slug],
        "skillpack": [pack["id"], pack["slug"], "default"],
        "skillpack_id": [pack["id"]],
        "deployment": [deployment["id"], "1"],
        "base": [deployment["id"]],
        "key_id": [key["id"]],
        "user_id": [str(person.id)],
        "path": [file, f"drive/{file}"],
        "name": [f"{low}-skill", f"{high}_SECRET", file],
        "skill": [f"{low}-skill"],
    }
    ids = {str(project.id), job["id"], deployment["id"], key["id"], pack["id"], str(person.id)}
    told = {f"{word}{last}" for last in WORDS} | {f"{high}_HIDDEN", f"{low}-owner@example.org"}
    return Victim(project.id, client, names, frozenset(told | ids))
