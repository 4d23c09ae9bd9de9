"""Create a victim's project with known contents, and the accounts of all callers, in a running instance."""

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
"""Prefix of every value of the victim, which occurs nowhere else."""
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
SUFFIXES = (
    *("DESCRIPTION", "CONTENT", "HIDDEN.txt", "PRINTED", "RESULT"),
    *("INPUT", "META", "VALUE", "PROJECT", "PACK", "KEY"),
)
"""Suffixes of the canary in values that no request contains."""
Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Victim:
    """A project with values that no other project may see."""

    id: UUID
    owner: Client
    names: dict[str, list[str]]
    """Names and IDs of its objects in URLs, by the name of the parameter."""
    secrets: frozenset[str]
    """What no other project may see: values that no request contains, and IDs."""


@dataclass(frozen=True, slots=True)
class AccountFactory:
    """Create callers in a running instance, with the services that its own commands use."""

    database: Database
    port: int

    async def user(self, email: str) -> User:
        """Create a user."""
        async with self.database.transaction() as session:
            return await users.create(session, email=email, password=PASSWORD)

    async def project(self, name: str, owner: User, *, credit_micros: int = 50_000_000) -> Project:
        """Create a project with credit."""
        async with self.database.transaction() as session:
            made = await creation.create(session, name=name, owner_id=owner.id, concurrency_limit=5)
            await ledger.top_up(
                session, project_id=made.id, amount_micros=credit_micros, created_by="operator"
            )
        return made

    async def key(self, project: UUID, kind: KeyKind = "secret", name: str = "") -> str:
        """Create a key."""
        async with self.database.transaction() as session:
            made = await keys.create(session, None, project_id=project, kind=kind, name=name)
        return made.plaintext

    async def ended_key(self, project: UUID, column: str) -> str:
        """Create a key that was valid until recently and is now revoked or expired."""
        plaintext = await self.key(project)
        prefix = plaintext.split("_")[2].split(".")[0]
        values = {column: now() - timedelta(seconds=60)}
        async with self.database.transaction() as session:
            await session.execute(update(ApiKey).where(col(ApiKey.prefix) == prefix).values(**values))
        return plaintext

    async def member(self, project: UUID, user: User, role: Role) -> None:
        """Add the user to the project."""
        async with self.database.transaction() as session:
            await members.add(session, operator(project), email=user.email, role=role)

    async def session(self, user: User, project: UUID) -> Headers:
        """Return the headers of the user's browser in that project."""
        async with self.database.transaction() as session:
            started = await sessions.start(session, user)
        cookie = sessions.cookie_name(f"http://127.0.0.1:{self.port}")
        return {
            "Cookie": f"{cookie}={started.token}",
            "X-CSRF-Token": started.signed_in.csrf_token,
            "X-Puras-Project": str(project),
        }


def bearer(key: str) -> Headers:
    """Return the header that contains the key."""
    return {"Authorization": f"Bearer {key}"}


def lift_limits(database_url: str, project: UUID) -> None:
    """Remove the rate limits of a project and its keys, which requests may have set."""
    with psycopg.connect(database_url) as connection:
        connection.execute("update projects set limits = '{}', own_limits = '{}' where id = %s", [project])
        connection.execute("update api_keys set requests_per_minute = null where project_id = %s", [project])


async def make_victim(accounts: AccountFactory, running: Running) -> Victim:
    """Create a project whose values all contain the canary."""
    return await _create_project(accounts, running, CANARY)


async def make_owner(accounts: AccountFactory, running: Running, word: str) -> Victim:
    """Create a project with the same objects under other names, for requests of its owner."""
    return await _create_project(accounts, running, word)


async def _create_project(accounts: AccountFactory, running: Running, word: str) -> Victim:
    low, high = word.lower(), word.upper()
    user = await accounts.user(f"{low}-owner@example.org")
    project = await accounts.project(f"{word}PROJECT", user)
    client = running.client(await accounts.key(project.id, name=f"{word}KEY"))
    await accounts.key(project.id, name="spare")  # the one that may be changed and deleted
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
        "user_id": [str(user.id)],
        "path": [file, f"drive/{file}"],
        "name": [f"{low}-skill", f"{high}_SECRET", file],
        "skill": [f"{low}-skill"],
    }
    ids = {str(project.id), job["id"], deployment["id"], key["id"], pack["id"], str(user.id)}
    values_to_hide = {f"{word}{suffix}" for suffix in SUFFIXES} | {
        f"{high}_HIDDEN",
        f"{low}-owner@example.org",
    }
    return Victim(project.id, client, names, frozenset(values_to_hide | ids))
