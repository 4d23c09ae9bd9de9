"""Define the tools for secrets, files and the balance of a project."""

from __future__ import annotations

import asyncio
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field

from puras_mcp import places
from puras_mcp.api import segment, segments
from puras_mcp.bundles import decoded
from puras_mcp.errors import CallRejected
from puras_mcp.offer import READ, REMOVE, SET, Offer
from puras_mcp.paging import by_cursor
from puras_mcp.shapes import (
    Balance,
    Done,
    Entries,
    Entry,
    Secret,
    Secrets,
    Signed,
    Uploaded,
    Usage,
    UsageLine,
)
from puras_mcp.tools.about import Cursor, Limit, Skillpack
from puras_mcp.world import Call, api_of

SecretName = Annotated[str, Field(description="Name of the environment variable, such as OPENAI_API_KEY.")]
DrivePath = Annotated[str, Field(description="Path on the drive, such as photos/cat.jpg.")]
MAX_UPLOAD_BYTES = 100 * 1024 * 1024


async def set_secret(
    call: Call,
    name: SecretName,
    value: Annotated[str, Field(description="The value, which cannot be read back.")],
    skillpack: Skillpack = "",
) -> Secret:
    """Set a secret for the project's skills. Their code reads it with `puras.secret(name)` or from the environment.

    Models and the `bash` tool of agents cannot read it, and logs redact it. The value is part of this conversation. For
    important values, ask the user to set it in the studio under Settings.
    """
    path = f"/v1/skillpacks/{segment(skillpack)}/secrets" if skillpack else "/v1/secrets"
    return Secret(**await api_of(call).send("PUT", path, body={"name": name, "value": value}))


async def list_secrets(call: Call, skillpack: Skillpack = "") -> Secrets:
    """List the names of the project's secrets. Values are never returned."""
    path = f"/v1/skillpacks/{segment(skillpack)}/secrets" if skillpack else "/v1/secrets"
    return Secrets(secrets=[Secret(**one) for one in await api_of(call).get(path)])


async def delete_secret(call: Call, name: SecretName, skillpack: Skillpack = "") -> Done:
    """Delete a secret permanently. Skills that read it will fail. Ask the user for confirmation first."""
    base = f"/v1/skillpacks/{segment(skillpack)}/secrets" if skillpack else "/v1/secrets"
    await api_of(call).send("DELETE", f"{base}/{segment(name)}")
    return Done(done=f"Secret {name} is deleted.")


async def drive_upload(
    call: Call,
    file: Annotated[str, Field(description="Absolute path of a file on this host, at most 100 MiB.")],
    path: Annotated[str, Field(description="Path in the drive; empty: the name of the file.")] = "",
) -> Uploaded:
    """Upload a file of this host to the drive, and replace a file with that path. Use `drive_path` as an input."""
    found = places.file(file)
    if found.stat().st_size > MAX_UPLOAD_BYTES:
        raise CallRejected(
            f"{found} is larger than {MAX_UPLOAD_BYTES // 2**20} MiB. Upload it in the studio."
        )
    content = await asyncio.to_thread(found.read_bytes)
    return Uploaded(
        **await api_of(call).put_bytes(f"/v1/drive/files/{segments(path or found.name)}", content)
    )


async def drive_upload_content(
    call: Call,
    path: DrivePath,
    text: Annotated[str, Field(description="The content as text.")] = "",
    content_base64: Annotated[str, Field(description="The content as base64, for binary files.")] = "",
) -> Uploaded:
    """Write a file to the drive, and replace a file with that path. Use `drive_path` as an input of a job."""
    if bool(text) == bool(content_base64):
        raise CallRejected("Pass either `text` or `content_base64`.")
    content = text.encode() if text else decoded(content_base64, path)
    return Uploaded(**await api_of(call).put_bytes(f"/v1/drive/files/{segments(path)}", content))


async def drive_list(
    call: Call,
    prefix: Annotated[
        str, Field(description="Only paths with this prefix, such as photos/; empty: all.")
    ] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Entries:
    """List files of the drive, including those in folders."""
    page = await by_cursor(api_of(call), "/v1/drive", Entry, limit=limit, prefix=prefix, cursor=cursor)
    return Entries(entries=page.entries, next_cursor=page.next_cursor)


async def drive_url(
    call: Call,
    path: DrivePath,
    ttl: Annotated[int, Field(description="Seconds for which the URL is valid.", ge=1, le=86_400)] = 3600,
) -> Signed:
    """Create a URL with which anyone can read one file until it expires. It cannot be revoked."""
    name = str(PurePosixPath(path.strip("/")))
    return Signed(
        **await api_of(call).send("POST", "/v1/drive/sign", body={"path": name, "ttl": ttl}, repeatable=True)
    )


async def get_balance(call: Call) -> Balance:
    """Read the wallet of the project. Jobs wait while no credit is available."""
    return Balance(**await api_of(call).get("/v1/billing/balance"))


async def get_usage(
    call: Call,
    group_by: Annotated[
        Literal["day", "skill", "model", "key", "version"], Field(description="Group of the sums.")
    ] = "day",
    since: Annotated[str, Field(description="Start, as ISO 8601 time; empty: 30 days ago.")] = "",
    until: Annotated[str, Field(description="End (exclusive), as ISO 8601 time; empty: now.")] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Usage:
    """Read cost and usage of jobs by day, skill, model, key or version."""
    filters = {"group_by": group_by, "since": since, "until": until, "cursor": cursor}
    page = await by_cursor(api_of(call), "/v1/usage", UsageLine, limit=limit, **filters)
    return Usage(rows=page.entries, next_cursor=page.next_cursor)


_BOTH = (
    Offer(set_secret, "Set a secret", SET),
    Offer(list_secrets, "List secrets", READ),
    Offer(delete_secret, "Delete a secret", REMOVE),
    Offer(drive_list, "List files", READ),
    Offer(drive_url, "Create a URL of a file", READ),
    Offer(get_balance, "Read the wallet", READ),
    Offer(get_usage, "Read the usage", READ),
)
LOCAL = (Offer(drive_upload, "Upload a file", SET), *_BOTH)
HOSTED = (Offer(drive_upload_content, "Upload a file", SET), *_BOTH)
