"""Commands about the key that protects secrets at rest: `secrets rotate`, `secrets retire`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from backend import embedded
from backend.administration import key_rotation
from backend.administration.key_rotation import Rotated
from backend.config import Settings, settings
from backend.core.db.engine import Database
from backend.core.errors import Conflict
from backend.core.vault.key_file import KeyFile
from backend.core.vault.vault import Vault
from backend.identity.auth import audit
from backend.identity.auth.actors import OPERATOR_LABEL
from backend.operations import database

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]

commands = typer.Typer(no_args_is_help=True, help="The key that protects secrets at rest.")


class KeysFromEnvironment(Conflict):
    """The keys are a setting, which a command cannot change."""

    code = "keys_from_environment"
    message = (
        "The keys of this instance come from SECRETS_ENC_KEY, so there is no key file to change. When `secrets "
        "rotate` has run, take the older keys out of SECRETS_ENC_KEY and restart every process."
    )


class OlderKeyNeeded(Conflict):
    """Stored values cannot be decrypted with the newest key."""

    code = "older_key_needed"
    message = (
        "{unreadable} secrets cannot be read with any key of this instance, so no key is dropped: one of them may be "
        "put back yet. Set those secrets again or delete them, then run this again."
    )
    unreadable: int


def register(app: typer.Typer) -> None:
    """Add these commands to the operator's CLI."""
    app.add_typer(commands, name="secrets")


@commands.command("rotate")
def rotate(as_json: AsJson = False) -> None:
    """Make a new key and write everything that is encrypted anew with it; older keys still read.

    With SECRETS_ENC_KEY set: put the new key before the others there, restart every process, then run this.
    """
    done = asyncio.run(_rotate(settings()))
    _say(done, as_json, "Older keys still read: `puras-studio secrets retire` drops them.")


@commands.command("retire")
def retire(as_json: AsJson = False) -> None:
    """Drop every key but the newest, once nothing needs them; links that they signed stop working."""
    done = asyncio.run(_retire(settings()))
    _say(done, as_json, "Only the newest key is left; links signed before the last rotation work no more.")


async def _rotate(options: Settings) -> Rotated:
    if options.secrets_key is None:
        file = KeyFile(options.home)
        file.read_or_make()
        file.add_newest()
    return await _reencrypt(options, "secrets.rotated")


async def _retire(options: Settings) -> Rotated:
    if options.secrets_key is not None:
        raise KeysFromEnvironment
    file = KeyFile(options.home)
    newest = file.read_or_make()[0]
    done = await _reencrypt(options, "secrets.keys_retired")
    if done.unreadable:
        raise OlderKeyNeeded(done.unreadable)
    file.drop_older_than(newest)
    return done


async def _reencrypt(options: Settings, action: str) -> Rotated:
    key = options.secrets_key
    vault = Vault.open(options.home, key.get_secret_value() if key else None)
    async with database.unit_of_work(options) as session:
        await audit.record_instance(session, OPERATOR_LABEL, action)
    pool = Database(embedded.attach(options).database_url, pool_size=1)
    try:
        return await key_rotation.reencrypt(pool, vault)
    finally:
        await pool.close()


def _say(done: Rotated, as_json: bool, what_next: str) -> None:
    if as_json:
        facts = {"secrets": done.secrets, "answers": done.answers, "unreadable": done.unreadable}
        typer.echo(json.dumps(facts))
        return
    typer.echo(
        f"{done.secrets} secrets and {done.answers} stored answers are under the newest key. {what_next}"
    )
    if done.unreadable:
        typer.echo(f"{done.unreadable} secrets cannot be read with any key: set them again or delete them.")
