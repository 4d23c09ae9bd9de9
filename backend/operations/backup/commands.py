"""Commands that keep an instance: `backup`, `restore`."""

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
            "--with-keys", help="Put the keys of stored secrets into it: whoever has it can read them."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Write this instance into one file while it runs: database, bundles, drives."""
    made = _run(backup.make(settings(), path, with_keys=with_keys, tell=_progress))
    if as_json:
        _print({"path": str(made.path), "size_bytes": made.size_bytes} | _facts(made.header, made.manifest))
        return
    typer.echo(f"{made.path}: {made.size_bytes / 2**20:,.1f} MiB, {_sentence(made.manifest)}.")
    for warning in _warnings(made.manifest):
        typer.echo(f"Warning: {warning}")
    if with_keys:
        typer.echo("It holds the keys of all secrets: keep it as you would keep those.")
    else:
        typer.echo(f"Keep the keys elsewhere, a restore needs them: {_where_keys_are()}")


def restore_backup(
    path: Annotated[Path, typer.Argument(help="The backup.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only read it through and say whether it is whole.")
    ] = False,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Restore although the keys of its secrets are lost.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Restore a backup into an empty home, or an empty DATABASE_URL, completely or not at all."""
    if check:
        checked = restore.check(settings(), path)
        facts = _facts(checked.header, checked.manifest) | {"is_signed": checked.is_signed}
        if as_json:
            _print(facts)
            return
        typer.echo(f"{path} is whole: {_sentence(checked.manifest)}. {_proof(is_signed=checked.is_signed)}")
        return
    restored = _run(restore.restore(settings(), path, without_keys=without_keys, tell=_progress))
    if as_json:
        facts = _facts(restored.header, restored.manifest)
        _print(facts | {"is_signed": restored.is_signed, "requeued_jobs": restored.requeued_jobs})
        return
    typer.echo(
        f"Restored {_sentence(restored.manifest)}. {restored.requeued_jobs:,} jobs that ran then are queued again. "
        f"{_proof(is_signed=restored.is_signed)}"
    )
    for warning in _warnings(restored.manifest):
        typer.echo(f"Warning: {warning}")
    typer.echo("Start it with `puras-studio up`.")


def _run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Do the work; SIGTERM ends it as Ctrl-C does, so that nothing half is left."""

    logs.configure("WARNING", settings().log_format)  # progress is told in sentences of our own

    async def cancellable() -> _Result:
        task = asyncio.ensure_future(work)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        return asyncio.run(cancellable())
    except (asyncio.CancelledError, KeyboardInterrupt):
        typer.echo("puras-studio: Stopped; nothing was left behind.", err=True)
        raise typer.Exit(130) from None


def _progress(told: str) -> None:
    typer.echo(f"  {told}", err=True)


def _print(facts: dict[str, Any]) -> None:
    typer.echo(json.dumps(facts, default=str))


def _facts(header: Header, manifest: Manifest) -> dict[str, Any]:
    about = header.model_dump(include={"product", "revision", "made_at", "has_keys"})
    return about | manifest.model_dump()


def _sentence(manifest: Manifest) -> str:
    rows = sum(manifest.rows.values())
    return f"{rows:,} rows, {manifest.bundles:,} bundles, {manifest.drive_files:,} files of drives"


def _warnings(manifest: Manifest) -> list[str]:
    told = []
    if manifest.missing_bundles:
        names = ", ".join(sha256[:12] for sha256 in manifest.missing_bundles[:5])
        told.append(
            f"{len(manifest.missing_bundles)} bundles are in the database and not in the storage ({names}): "
            "their versions cannot run. Push them again."
        )
    if manifest.vanished_files:
        told.append(f"{manifest.vanished_files} files of drives went away while they were listed.")
    if manifest.locked_files:
        told.append(
            f"{len(manifest.locked_files)} files of drives are not in the backup, since a process held a lease on "
            f"them ({', '.join(manifest.locked_files[:5])}). End that process, and make another backup."
        )
    return told


def _proof(*, is_signed: bool) -> str:
    return "Its signature is that of the keys." if is_signed else "Without keys nobody can tell who wrote it."


def _where_keys_are() -> str:
    if settings().secrets_key is not None:
        return "the value of SECRETS_ENC_KEY"
    return str(Path(os.path.abspath(settings().home)) / "keys" / "secrets.key")  # noqa: PTH100 - links stay as they are
