"""The commands `backup` and `restore`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from backend.config import settings
from backend.core import logs
from backend.operations.backup import backup, restore
from backend.operations.backup.contents import Header, Manifest

_Result = TypeVar("_Result")


def register(app: typer.Typer) -> None:
    """Add these commands to the operator's CLI."""
    app.command("backup")(make_backup)
    app.command("restore")(restore_backup)


def make_backup(
    path: Annotated[Path, typer.Argument(help="File to write, or the folder to write one into.")],
    with_keys: Annotated[
        bool,
        typer.Option(
            "--with-keys", help="Include the encryption keys: anyone with the file can read the secrets."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a backup of this instance into one file while it runs: database, bundles, drives."""
    backup_file = _run(backup.create(settings(), path, with_keys=with_keys, report=_progress))
    if as_json:
        _print(
            {"path": str(backup_file.path), "size_bytes": backup_file.size_bytes}
            | _fields(backup_file.header, backup_file.manifest)
        )
        return
    typer.echo(
        f"{backup_file.path}: {backup_file.size_bytes / 2**20:,.1f} MiB, {_summary(backup_file.manifest)}."
    )
    for warning in _warnings(backup_file.manifest):
        typer.echo(f"Warning: {warning}")
    if with_keys:
        typer.echo("The file contains the keys of all secrets. Store it as securely as the keys.")
    else:
        typer.echo(f"Store the keys separately, since a restore needs them: {_keys_location()}")


def restore_backup(
    path: Annotated[Path, typer.Argument(help="The backup.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only read the backup and verify that it is complete.")
    ] = False,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Restore even if the keys of its secrets are lost.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Restore a backup into an empty home, or an empty DATABASE_URL, completely or not at all."""
    if check:
        checked = restore.check(settings(), path)
        fields = _fields(checked.header, checked.manifest) | {"is_signed": checked.is_signed}
        if as_json:
            _print(fields)
            return
        typer.echo(f"{path} is complete: {_summary(checked.manifest)}. {_proof(is_signed=checked.is_signed)}")
        return
    restored = _run(restore.restore(settings(), path, without_keys=without_keys, report=_progress))
    if as_json:
        fields = _fields(restored.header, restored.manifest)
        _print(fields | {"is_signed": restored.is_signed, "requeued_jobs": restored.requeued_jobs})
        return
    typer.echo(
        f"Restored {_summary(restored.manifest)}. Jobs queued again: {restored.requeued_jobs:,}. "
        f"{_proof(is_signed=restored.is_signed)}"
    )
    for warning in _warnings(restored.manifest):
        typer.echo(f"Warning: {warning}")
    typer.echo("Start the instance with `puras-studio up`.")


def _run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run the command; SIGTERM cancels it like Ctrl-C, so that no incomplete result is left."""
    logs.configure("WARNING", settings().log_format)  # the command prints the progress itself

    async def cancellable() -> _Result:
        task = asyncio.ensure_future(work)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        return asyncio.run(cancellable())
    except (asyncio.CancelledError, KeyboardInterrupt):
        typer.echo("puras-studio: Stopped; all temporary files were removed.", err=True)
        raise typer.Exit(130) from None


def _progress(warnings: str) -> None:
    typer.echo(f"  {warnings}", err=True)


def _print(fields: dict[str, Any]) -> None:
    typer.echo(json.dumps(fields, default=str))


def _fields(header: Header, manifest: Manifest) -> dict[str, Any]:
    about = header.model_dump(include={"product", "revision", "made_at", "has_keys"})
    return about | manifest.model_dump()


def _summary(manifest: Manifest) -> str:
    rows = sum(manifest.rows.values())
    return f"{rows:,} rows, {manifest.bundles:,} bundles, {manifest.drive_files:,} files of drives"


def _warnings(manifest: Manifest) -> list[str]:
    warnings = []
    if manifest.missing_bundles:
        names = ", ".join(sha256[:12] for sha256 in manifest.missing_bundles[:5])
        warnings.append(
            f"{len(manifest.missing_bundles)} bundles are in the database, but not in the storage ({names}), so that "
            "their versions cannot run. Push them again."
        )
    if manifest.vanished_files:
        warnings.append(f"{manifest.vanished_files} files of drives were removed during the backup.")
    if manifest.locked_files:
        warnings.append(
            f"{len(manifest.locked_files)} files of drives are not in the backup, because a process held a lease on "
            f"them ({', '.join(manifest.locked_files[:5])}). End that process, and create another backup."
        )
    return warnings


def _proof(*, is_signed: bool) -> str:
    return (
        "The signature is valid."
        if is_signed
        else "The signature was not verified, since no keys are available."
    )


def _keys_location() -> str:
    if settings().secrets_key is not None:
        return "the value of SECRETS_ENC_KEY"
    return str(Path(os.path.abspath(settings().home)) / "keys" / "secrets.key")  # noqa: PTH100 - without resolving links
