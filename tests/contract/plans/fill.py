"""An instance that has been in use for two months: made by SQL, within seconds."""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

import psycopg

PROJECTS: Final = 500
FINISHED: Final = 200_000
PARKED: Final = 20_000
READY: Final = 1_000


class Filled(NamedTuple):
    """What a test asks about: things of the one project that has a fifth of everything."""

    project_id: UUID
    skillpack_id: UUID
    deployment_id: UUID
    key_id: UUID
    job_id: UUID
    """Of one that has ended."""
    running_job_id: UUID
    worker_id: UUID
    user_id: UUID
    budget_id: UUID


_ID = "md5('{kind}' || {n})::uuid"
_MANIFEST = """{"skills": [{"name": "echo", "path": "skills/echo", "entrypoint": "main.py:run", "is_agentic": false,
  "input_schema": {"type": "object"}, "output_schema": {"type": "object"}}]}"""


def _id(kind: str, n: str) -> str:
    return _ID.format(kind=kind, n=n)


# One job in five is of project 1; a job's age grows with its number, over sixty days.
_OF = f"(case when n % 5 = 0 then 1 else 1 + n % {PROJECTS} end)"
_AGE = "now() - interval '25.92 seconds' * (200000 - n)"
_STATUS = "(case when n % 97 = 0 then 'failed' when n % 193 = 0 then 'cancelled' else 'succeeded' end)"
_JOB = """insert into jobs (id, project_id, skillpack_id, deployment_id, deployment_version, skill_name, type, status,
  inputs, result, lane, priority, source, cost_micros, attempt, event_seq, submitted_by, api_key_id, worker_id,
  created_at, started_at, finished_at, cap_micros) """

_STATEMENTS: Final = (
    f"""insert into projects (id, slug, name, created_at)
        select {_id("project", "n")}, 'p-' || n, 'Project ' || n, now() from generate_series(1, {PROJECTS}) n""",
    f"""insert into skillpacks (id, project_id, slug, name, description, is_default, last_version, created_at)
        select {_id("pack", "n * 10 + k")}, {_id("project", "n")}, 'pack-' || k, 'Pack', '', k = 0, 10, now()
        from generate_series(1, {PROJECTS}) n, generate_series(0, 3) k""",
    f"""insert into deployments (id, project_id, skillpack_id, kind, version, sha256, size_bytes, manifest, warnings,
                                 notes, created_by, created_at)
        select {_id("deployment", "n * 100 + v")}, {_id("project", "n")}, {_id("pack", "n * 10")}, 'version', v,
               md5('bundle' || n * 100 + v) || md5('bundle' || n * 100 + v), 1, '{_MANIFEST}', '[]', '', 'x', now()
        from generate_series(1, {PROJECTS}) n, generate_series(1, 10) v""",
    """update skillpacks s set active_deployment_id = d.id from deployments d
        where d.skillpack_id = s.id and d.version = 10""",
    f"""insert into admissions (project_id, concurrency_limit, weight, admitted, tail)
        select {_id("project", "n")}, 50, 1, 48, 3000000 from generate_series(1, {PROJECTS}) n""",
    f"""insert into wallets (project_id, balance_micros)
        select {_id("project", "n")}, 10000000 from generate_series(1, {PROJECTS}) n""",
    f"""insert into users (id, email, name, password_hash, is_operator, created_at)
        select {_id("user", "n")}, 'u' || n || '@example.org', '', 'x', false, now() from generate_series(1, 2000) n""",
    f"""insert into members (project_id, user_id, role, created_at)
        select {_id("project", f"1 + n % {PROJECTS}")}, {_id("user", "n")}, 'owner', now()
        from generate_series(1, 2000) n""",
    f"""insert into sessions (id, user_id, token_hash, csrf_token, user_agent, created_at, last_seen_at, expires_at)
        select gen_random_uuid(), {_id("user", "n")}, 'hash-' || n, 'x', '', now(), now(), now() + interval '9 days'
        from generate_series(1, 2000) n""",
    f"""insert into api_keys (id, project_id, kind, name, prefix, secret_hash, scopes, skill_allowlist, created_at,
                              created_by)
        select {_id("key", "n")}, {_id("project", f"1 + (n - 1) % {PROJECTS}")}, 'secret', '',
               lpad(n::text, 8, 'k'), 'x', '{{}}', '{{}}', now(), 'x' from generate_series(1, 2500) n""",
    f"""insert into secrets (id, project_id, name, ciphertext, updated_at, updated_by)
        select gen_random_uuid(), {_id("project", "n")}, 'SECRET_' || k, 'x', now(), 'x'
        from generate_series(2, {PROJECTS}) n, generate_series(1, 4) k""",
    f"""insert into workers (id, host, pid, lanes, capacity, running, sandbox_layers, started_at, beat_at, stopping)
        select {_id("worker", "n")}, 'h', n, '{{default}}', 8, 0, '{{}}', now(), now() + interval '1 hour', false
        from generate_series(1, 4) n""",
    f"""{_JOB} select {_id("job", "n")}, {_id("project", _OF)}, {_id("pack", f"{_OF} * 10")},
          {_id("deployment", f"{_OF} * 100 + 1 + n * 9 / {FINISHED}")}, 1 + n * 9 / {FINISHED}, 'skill-' || n % 7,
          'deterministic', {_STATUS}, '{{}}', '{{}}', 'default', 0, case when n % 500 = 0 then 'studio' else 'api' end,
          10, 1, 2, 'x', {_id("key", _OF)}, {_id("worker", "1 + n % 4")}, {_AGE}, {_AGE}, {_AGE}, 0
        from generate_series(1, {FINISHED}) n""",
    f"""{_JOB} select {_id("running", "n")}, {_id("project", _OF)}, {_id("pack", f"{_OF} * 10")},
          {_id("deployment", f"{_OF} * 100 + 10")}, 10, 'echo', 'deterministic', 'running', '{{}}', null, 'default', 0,
          'api', 0, 1, 2, 'x', {_id("key", _OF)}, {_id("worker", "1 + n % 4")}, now(),
          now() - interval '1 minute', null, 0
        from generate_series(1, 60) n""",
    f"""{_JOB} select {_id("queued", "n")}, {_id("project", _OF)}, {_id("pack", f"{_OF} * 10")},
          {_id("deployment", f"{_OF} * 100 + 10")}, 10, 'echo', 'deterministic', 'queued', '{{}}', null, 'default', 0,
          'api', 0, 0, 1, 'x', {_id("key", _OF)}, null, now(), null, null, n % 2 * 1000
        from generate_series(1, {PARKED + READY}) n""",
    f"""insert into job_queue (job_id, project_id, lane, priority, stamp, submitted_at)
        select {_id("queued", "n")}, {_id("project", _OF)}, 'default', 0,
               case when n <= {READY} then n * 1000 end, now() from generate_series(1, {PARKED + READY}) n""",
    f"""insert into job_events (job_id, seq, ts, type, payload)
        select {_id("job", "n")}, k, {_AGE}, case k when 1 then 'queued' else 'succeeded' end, '{{}}'
        from generate_series(1, {FINISHED}) n, generate_series(1, 2) k""",
    f"""insert into ledger_entries (transfer_id, account, project_id, job_id, kind, amount_micros, note, created_by,
                                    created_at)
        select {_id("transfer", "n")}, a, {_id("project", _OF)}, {_id("job", "n")}, 'job_charge', 10, '', 'x', {_AGE}
        from generate_series(1, 50000) n, unnest(array['wallet', 'revenue']) a order by n, a""",
    f"""insert into usage_events (id, project_id, job_id, attempt, kind, provider, model, quantity, upstream_nanos,
                                  billed_micros, created_at)
        select gen_random_uuid(), {_id("project", _OF)}, {_id("job", "n")}, 1, 'compute', '', '', '{{}}', 1, 1, {_AGE}
        from generate_series(1, 50000) n""",
    f"""insert into journal_entries (job_id, step, place, kind, attempt, content, created_at)
        select {_id("job", "n")}, k, 0, 'reply', 1, '{{}}', {_AGE}
        from generate_series(1, 20000) n, generate_series(1, 5) k""",
    f"""insert into daily_spending (project_id, day, skillpack_id, skill_name, api_key_id, spent_micros,
                                    forgiven_micros)
        select {_id("project", "p")}, current_date - d, {_id("pack", "p * 10")}, 'skill-' || s, {_id("key", "p")}, 10, 1
        from generate_series(1, {PROJECTS}) p, generate_series(0, 59) d, generate_series(1, 7) s""",
    f"""insert into budgets (id, project_id, name, scope, period, limit_micros, alert_pct, enforce, created_by,
                             created_at)
        select {_id("budget", "p * 10 + b")}, {_id("project", "p")}, 'Budget ' || b, 'project',
               (array['day', 'month', 'rolling30', 'total'])[b], 1000000000, 80, true, 'x', now()
        from generate_series(1, {PROJECTS}) p, generate_series(1, 4) b""",
    f"""insert into provider_keys (project_id, family, ciphertext, updated_at, updated_by)
        select {_id("project", "p")}, 'family' || f, 'x', now(), 'x'
        from generate_series(1, {PROJECTS}) p, generate_series(1, 6) f""",
    f"""insert into invitations (id, project_id, email, role, token_hash, created_by, created_at, expires_at)
        select gen_random_uuid(), {_id("project", "p")}, 'i' || i || '@example.org', 'viewer', p || '-' || i, 'x',
               now(), now() + interval '7 days'
        from generate_series(1, {PROJECTS}) p, generate_series(1, 10) i""",
    f"""insert into approvals (id, project_id, job_id, step, place, tool, tool_use_id, input, status, reason,
                               decided_by, created_at, expires_at)
        select gen_random_uuid(), {_id("project", _OF)}, {_id("job", "n")}, 1, 1, 'send', 't', '{{}}',
               case when n % 100 = 0 then 'pending' else 'approved' end, '', '', {_AGE}, {_AGE} + interval '30 minutes'
        from generate_series(1, 20000) n""",
    f"""insert into media_calls (job_id, key, fingerprint, attempt, held_micros, renewed_at, created_at)
        select {_id("job", "n")}, 'k', 'x', 1, 0, {_AGE}, {_AGE} from generate_series(1, 20000) n""",
    f"""insert into audit_rows (project_id, actor, action, target, facts, request_id, at)
        select {_id("project", _OF)}, 'x', 'api_key.created', '', '{{}}', '', {_AGE}
        from generate_series(1, 20000) n""",
    f"""insert into idempotency_keys (scope, key, fingerprint, job_id, created_at)
        select 'secret_key:' || n % 50, 'key-' || n, 'x', {_id("job", "n")}, now() - interval '1 second' * n
        from generate_series(1, 20000) n""",
    f"""insert into feedback (id, project_id, job_id, given_by, rating, comment, created_at, updated_at)
        select gen_random_uuid(), {_id("project", _OF)}, {_id("job", "n")}, 'x', 1, '', now(), now()
        from generate_series(1, 20000) n""",
    f"""insert into drive_usage (project_id, bytes, files, counted_at)
        select {_id("project", "n")}, 0, 0, now() from generate_series(1, {PROJECTS}) n""",
    f"""insert into drive_files (project_id, path, version, sha256)
        select {_id("project", "n")}, 'out/' || k || '.txt', 'x', md5('a') || md5('a')
        from generate_series(1, {PROJECTS}) n, generate_series(1, 50) k""",
    f"""insert into drive_uploads (id, project_id, path, length_bytes, upload_metadata, created_at, expires_at)
        select gen_random_uuid(), {_id("project", "n")}, k || '.txt', 1, '', now(), now() + interval '1 day'
        from generate_series(1, {PROJECTS}) n, generate_series(1, 10) k""",
)
_COUNT_PARKED: Final = """
update admissions a set parked = q.parked
from (select project_id, count(*) as parked from job_queue where stamp is null group by project_id) q
where q.project_id = a.project_id
"""
_PLAIN_INDEXES: Final = """
select c.relname, pg_get_indexdef(c.oid) from pg_class c join pg_index i on i.indexrelid = c.oid
where c.relkind = 'i' and not i.indisunique and not c.relispartition and c.relnamespace = 'public'::regnamespace
"""


def fill(database_url: str) -> Filled:
    """Fill an empty database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        connection.execute("set work_mem = '64MB'")
        plain = connection.execute(_PLAIN_INDEXES).fetchall()
        for name, _ in plain:
            connection.execute(f"drop index {name}")
        for statement in _STATEMENTS:
            connection.execute(statement)
        connection.execute(_COUNT_PARKED)
        for _, definition in plain:  # built at once, which takes a third of the time
            connection.execute(definition)
        connection.execute("analyze")
        found = {
            name: f"select {_id(kind, n)}"
            for name, kind, n in (
                ("project_id", "project", "1"),
                ("skillpack_id", "pack", "10"),
                ("deployment_id", "deployment", "110"),
                ("key_id", "key", "1"),
                ("job_id", "job", "150000"),
                ("running_job_id", "running", "5"),
                ("worker_id", "worker", "2"),
                ("user_id", "user", str(PROJECTS)),
                ("budget_id", "budget", "11"),
            )
        }
        rows = {name: connection.execute(query).fetchone() for name, query in found.items()}
    return Filled(**{name: row[0] for name, row in rows.items() if row is not None})
