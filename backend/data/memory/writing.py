"""Write records: once per call, without secrets, under their keys and within the project's quota."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.config.quotas import Quotas
from backend.core.jsonb import storable
from backend.core.vault.vault import Vault
from backend.data.memory import usage
from backend.data.memory.errors import BadMemory, MemoryChanged, MemoryNotFound
from backend.data.memory.identity import as_key
from backend.data.memory.schemas import MemoryPut, MemoryWritten
from backend.data.memory.scoping import IN_REACH, Reach, reach_of
from backend.data.secrets import service as secrets
from backend.data.secrets.scrub import Scrubber
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal
from backend.skills.skillpacks import service as skillpacks

MAX_RECORD_BYTES: Final = 64 * 1024
MAX_TAG_CHARACTERS: Final = 100
"""Maximum of one tag."""

_EARLIER: Final = text("""
select memory_id, version, created from memory_changes
where project_id = :project_id and job_id = :job_id and call_key = :call_key
""")
_CURRENT: Final = text("""
select m.id, m.version, m.size_bytes from memory_records m
where m.project_id = :project_id and m.kind = :kind and m.entity_key = :entity_key and m.scope = :scope
  and coalesce(m.skillpack_id, m.project_id) = coalesce(cast(:skillpack_id as uuid), m.project_id)
  and m.mtype <> 'episodic' and m.forgotten_at is null
""")
_PUT: Final = text("""
insert into memory_records as m
  (id, project_id, skillpack_id, scope, mtype, kind, entity_key, title, summary, record, tags, aliases, content_hash,
   source_url, importance, pinned, stale_at, version, job_id, written_by, forgotten_why, size_bytes, names, words,
   created_at, updated_at)
values (:id, :project_id, cast(:skillpack_id as uuid), :scope, :mtype, :kind, cast(:entity_key as text),
        coalesce(cast(:title as text), ''), coalesce(cast(:summary as text), ''), cast(:record as jsonb),
        coalesce(cast(:tags as text[]), '{}'), coalesce(cast(:aliases as text[]), '{}'),
        cast(:content_hash as text), cast(:source_url as text), coalesce(cast(:importance as real), 0.5),
        coalesce(cast(:pinned as boolean), false), cast(:stale_at as timestamptz), 1, cast(:job_id as uuid),
        :written_by, '', 0, '{}', '', clock_timestamp(), clock_timestamp())
on conflict (project_id, kind, entity_key, scope, (coalesce(skillpack_id, project_id)))
  where entity_key is not null and mtype <> 'episodic' and forgotten_at is null
do update set
  mtype = excluded.mtype, record = excluded.record, stale_at = excluded.stale_at, version = m.version + 1,
  title = coalesce(cast(:title as text), m.title), summary = coalesce(cast(:summary as text), m.summary),
  tags = coalesce(cast(:tags as text[]), m.tags), aliases = coalesce(cast(:aliases as text[]), m.aliases),
  content_hash = coalesce(excluded.content_hash, m.content_hash),
  source_url = coalesce(excluded.source_url, m.source_url),
  importance = coalesce(cast(:importance as real), m.importance),
  pinned = coalesce(cast(:pinned as boolean), m.pinned), superseded_by = null,
  job_id = excluded.job_id, written_by = excluded.written_by, updated_at = excluded.updated_at
returning id, version
""")
_INDEX: Final = text("""
update memory_records m set
  names = array(select m.project_id || '|' || name
                from unnest(m.aliases || array_remove(array[m.entity_key, m.content_hash], null)) name),
  words = array_to_tsvector(array['project:' || m.project_id])
    || setweight(to_tsvector('english', m.title || ' ' || coalesce(m.entity_key, '')), 'A')
    || setweight(to_tsvector('english', m.summary || ' ' || m.kind || ' ' || array_to_string(m.tags, ' ')), 'B')
    || setweight(jsonb_to_tsvector('english', m.record, '["string", "numeric", "key"]'), 'C'),
  size_bytes = octet_length(cast(m.record as text)) + octet_length(m.title || m.summary)
    + octet_length(array_to_string(m.tags || m.aliases, '')) + 500
where m.project_id = :project_id and m.id = :id
returning size_bytes
""")
_ADD_CHANGE: Final = text("""
insert into memory_changes (memory_id, project_id, action, version, created, job_id, call_key, written_by, reason, at)
values (:id, :project_id, :action, :version, :created, cast(:job_id as uuid), cast(:call_key as text), :written_by,
        :reason, clock_timestamp())
""")
_SUPERSEDE: Final = text(f"""
update memory_records m set superseded_by = :by
where m.project_id = :project_id and {IN_REACH} and m.id = :id and m.id <> :by and m.forgotten_at is null returning m.id
""")  # noqa: S608 - the one interpolated value is a constant


class _Current(NamedTuple):
    """The record that a write replaces, if any."""

    id: UUID | None
    version: int
    size_bytes: int


async def put(
    session: AsyncSession, vault: Vault, principal: Principal, request: MemoryPut, quotas: Quotas
) -> MemoryWritten:
    """Write a record, without the secrets of the project.

    Raises:
        NotAllowed: The principal lacks the role or the scope.
        BadMemory: The record is invalid.
        MemoryChanged: The stored version differs from `if_version`.
        MemoryNotFound: The record to supersede does not exist, or the principal has no access to it.
        MemoryFull: The project's quota is used up.
    """
    reach = await reach_of(session, principal, writes=True)
    locked = await usage.lock(session, principal.project_id)  # serializes the writes of a project
    earlier = await _earlier(session, reach, request.key)
    if earlier is not None:
        return earlier
    row = await _row(session, vault, principal, reach, request=request)
    current = await _current(session, row)
    if request.if_version is not None and request.if_version != current.version:
        raise MemoryChanged(current.id, current.version, request.if_version)
    stored = (await session.execute(_PUT, row)).one()
    record_key = {"project_id": principal.project_id, "id": stored.id}
    size_bytes = (await session.execute(_INDEX, record_key)).scalar_one()
    is_new = current.id is None
    await usage.add(session, locked, quotas, records=int(is_new), bytes=size_bytes - current.size_bytes)
    if request.supersedes is not None:
        await _supersede(session, reach, request.supersedes, by=stored.id)
    change = {
        "action": "put",
        "version": stored.version,
        "created": is_new,
        "reason": "",
        "call_key": request.key,
    }
    await session.execute(_ADD_CHANGE, {**row, **record_key, **change})
    if principal.kind != "job":
        target, fields = f"memory:{stored.id}", {"kind": request.kind, "version": stored.version}
        await audit.record(session, principal, "memory.put", target, **fields)
    return MemoryWritten(id=stored.id, version=stored.version, created=is_new)


async def record_forgotten(
    session: AsyncSession, reach: Reach, memory_id: UUID, *, version: int, actor: str, reason: str
) -> None:
    """Record who forgot a record."""
    values = {
        "id": memory_id,
        "project_id": reach.project_id,
        "action": "forget",
        "version": version,
        "created": False,
        "job_id": reach.job_id,
        "call_key": None,
        "written_by": actor,
        "reason": reason,
    }
    await session.execute(_ADD_CHANGE, values)


async def _earlier(session: AsyncSession, reach: Reach, call_key: str | None) -> MemoryWritten | None:
    """Return what the same call wrote before, in any attempt."""
    if reach.job_id is None or call_key is None:
        return None
    values = {"project_id": reach.project_id, "job_id": reach.job_id, "call_key": call_key}
    row = (await session.execute(_EARLIER, values)).one_or_none()
    return None if row is None else MemoryWritten(id=row.memory_id, version=row.version, created=row.created)


async def _row(
    session: AsyncSession, vault: Vault, principal: Principal, reach: Reach, *, request: MemoryPut
) -> dict[str, Any]:
    """Return the values of the requested row, without secrets."""
    cleaned = await _without_secrets(session, vault, reach, request)
    key = None if cleaned.entity_key is None else as_key(cleaned.entity_key, path="entity_key")
    scope = cleaned.scope or ("entity" if key else "skillpack" if reach.job_id else "workspace")
    record = storable(cleaned.record)
    if len(record.encode()) > MAX_RECORD_BYTES:
        raise BadMemory(
            "record", f"A record must have at most {MAX_RECORD_BYTES >> 10} KiB. Store files in the drive."
        )
    if scope == "entity" and key is None:
        raise BadMemory("entity_key", "The scope 'entity' requires a key.")
    if any(len(tag) > MAX_TAG_CHARACTERS for tag in cleaned.tags or ()):
        raise BadMemory("tags", f"A tag must have at most {MAX_TAG_CHARACTERS} characters.")
    aliases = cleaned.aliases and [
        as_key(alias, path=f"aliases[{index}]") for index, alias in enumerate(cleaned.aliases)
    ]
    copied_fields = (
        "kind",
        "mtype",
        "title",
        "summary",
        "tags",
        "content_hash",
        "source_url",
        "importance",
        "pinned",
    )
    return {
        **{name: getattr(cleaned, name) for name in (*copied_fields, "stale_at")},
        "id": uuid4(),
        "project_id": principal.project_id,
        "skillpack_id": await _skillpack_id(session, principal, reach, cleaned.skillpack)
        if scope == "skillpack"
        else None,
        "scope": scope,
        "entity_key": key,
        "aliases": aliases,
        "record": record,
        "job_id": reach.job_id,
        "written_by": principal.label,
    }


async def _without_secrets(
    session: AsyncSession, vault: Vault, reach: Reach, request: MemoryPut
) -> MemoryPut:
    values = await secrets.all_of(session, vault, project_id=reach.project_id)
    sent = json.loads(request.model_dump_json(exclude_unset=True))
    try:
        return MemoryPut.model_validate(Scrubber(values).scrub(sent))
    except ValidationError as error:
        path = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise BadMemory(path, "It contains a secret of the project. Remove it.") from None


async def _skillpack_id(
    session: AsyncSession, principal: Principal, reach: Reach, requested_pack: str | None
) -> UUID:
    if reach.own_pack is None:
        return (await skillpacks.get(session, principal, requested_pack)).id
    if requested_pack is not None and skillpacks.as_id(requested_pack) != reach.own_pack:
        raise BadMemory("skillpack", "A job can only write records of its own skillpack. Omit this field.")
    return reach.own_pack


async def _current(session: AsyncSession, row: dict[str, Any]) -> _Current:
    if row["entity_key"] is None or row["mtype"] == "episodic":
        return _Current(None, 0, 0)
    found = (await session.execute(_CURRENT, row)).one_or_none()
    return _Current(None, 0, 0) if found is None else _Current(*found)


async def _supersede(session: AsyncSession, reach: Reach, old: UUID, *, by: UUID) -> None:
    values = {**reach.as_values(), "id": old, "by": by}
    if (await session.execute(_SUPERSEDE, values)).one_or_none() is None:
        raise MemoryNotFound(old)
