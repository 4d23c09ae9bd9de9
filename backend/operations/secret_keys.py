"""Commands for the key that encrypts secrets at rest: `secrets rotate`, `secrets retire`."""

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

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

commands = typer.Typer(no_args_is_help=True, help="Manage the key that encrypts secrets at rest.")


class KeysFromEnvironment(Conflict):
    """The keys come from a setting, which a command cannot change."""

    code = "keys_from_environment"
    message = (
        "The keys of this instance come from SECRETS_ENC_KEY, so there is no key file to change. When `secrets "
        "rotate` has run, remove the older keys from SECRETS_ENC_KEY and restart every process."
    )


class OlderKeyNeeded(Conflict):
    """Stored values cannot be decrypted with the newest key."""

    code = "older_key_needed"
    message = (
        "{unreadable} secrets cannot be decrypted with any key of this instance, so no key is removed: a missing key "
        "may still be restored. Set those secrets again or delete them, then run this again."
    )
    unreadable: int


def register(app: typer.Typer) -> None:
    """Add these commands to the operator's CLI."""
    app.add_typer(commands, name="secrets")


@commands.command("rotate")
def rotate(as_json: AsJson = False) -> None:
    """Create a new key and re-encrypt all data at rest with it; older keys remain valid for decryption.

    With SECRETS_ENC_KEY set: add the new key before the others there, restart every process, then run this.
    """
    result = asyncio.run(_rotate(settings()))
    _print_result(
        result, as_json, "Older keys are still accepted; `puras-studio secrets retire` removes them."
    )


@commands.command("retire")
def retire(as_json: AsJson = False) -> None:
    """Remove all keys except the newest, once nothing needs them; links that they signed stop working."""
    result = asyncio.run(_retire(settings()))
    _print_result(
        result, as_json, "Only the newest key remains; links signed before the last rotation no longer work."
    )


async def _rotate(options: Settings) -> Rotated:
    if options.secrets_key is None:
        file = KeyFile(options.home)
        file.read_or_create()
        file.add_newest()
    return await _reencrypt(options, "secrets.rotated")


async def _retire(options: Settings) -> Rotated:
    if options.secrets_key is not None:
        raise KeysFromEnvironment
    file = KeyFile(options.home)
    newest = file.read_or_create()[0]
    result = await _reencrypt(options, "secrets.keys_retired")
    if result.unreadable:
        raise OlderKeyNeeded(result.unreadable)
    file.drop_older_than(newest)
    return result


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


def _print_result(result: Rotated, as_json: bool, hint: str) -> None:
    if as_json:
        fields = {"secrets": result.secrets, "answers": result.answers, "unreadable": result.unreadable}
        typer.echo(json.dumps(fields))
        return
    typer.echo(
        f"{result.secrets} secrets and {result.answers} stored responses are encrypted with the newest key. {hint}"
    )
    if result.unreadable:
        typer.echo(
            f"{result.unreadable} secrets cannot be decrypted with any key: set them again or delete them."
        )
