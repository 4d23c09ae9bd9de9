"""Fill an instance with two months of data, by SQL, within seconds."""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

import psycopg

PROJECTS: Final = 500
FINISHED: Final = 200_000
PENDING: Final = 20_000
READY: Final = 1_000
SCHEDULED: Final = 5_000
"""Jobs of project 1 for tomorrow, with the highest priority."""
SUITES: Final = 4_000
"""Eval suites; a fifth of them belong to project 1, and each has twenty runs."""
SESSIONS: Final = 4_000
"""Conversations of five turns, whose jobs have ended."""


class Filled(NamedTuple):
    """IDs of objects for the tests, in the one project that has a fifth of all rows."""

    project_id: UUID
    skillpack_id: UUID
    deployment_id: UUID
    key_id: UUID
    job_id: UUID
    """The ID of a job that has ended."""
    running_job_id: UUID
    worker_id: UUID
    user_id: UUID
    budget_id: UUID
    webhook_id: UUID
    alert_id: UUID
    delivery_id: UUID
    listing_id: UUID
    schedule_id: UUID
    memory_id: UUID
    suite_id: UUID
    kernel_id: UUID
    session_id: UUID
    approval_id: UUID
    queue_id: UUID


_ID = "md5('{kind}' || {n})::uuid"
_MANIFEST = """{"skills": [{"name": "echo", "path": "skills/echo", "entrypoint": "main.py:run", "is_agentic": false,
  "input_schema": {"type": "object"}, "output_schema": {"type": "object"}}]}"""


def _id(kind: str, n: str) -> str:
    return _ID.format(kind=kind, n=n)


# One job in five is of project 1; a job's age grows with its number, over sixty days.
_OF = f"(case when n % 5 = 0 then 1 else 1 + n % {PROJECTS} end)"
_AGE = "now() - interval '25.92 seconds' * (200000 - n)"
_SUBMITTED = "now() - interval '1 millisecond' * n"
_SUITE_AGE = "now() - interval '20 minutes' * (4000 - n)"
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
                              created_by, daily_cap_micros)
        select {_id("key", "n")}, {_id("project", f"1 + (n - 1) % {PROJECTS}")}, 'secret', '',
               lpad(n::text, 8, 'k'), 'x', '{{}}', '{{}}', now(), 'x', case when n % 2 = 1 then 1000000000 end
        from generate_series(1, 2500) n""",
    f"""insert into secrets (id, project_id, name, ciphertext, updated_at, updated_by)
        select gen_random_uuid(), {_id("project", "n")}, 'SECRET_' || k, 'x', now(), 'x'
        from generate_series(2, {PROJECTS}) n, generate_series(1, 4) k""",
    f"""insert into environment_secrets (id, project_id, environment, name, ciphertext, updated_at, updated_by)
        select gen_random_uuid(), {_id("project", "n")}, 'staging', 'SECRET_' || k, 'x', now(), 'x'
        from generate_series(2, {PROJECTS}) n, generate_series(1, 4) k""",
    f"""insert into environment_versions (skillpack_id, environment, project_id, active_deployment_id, activated_at,
                                          activated_by)
        select {_id("pack", "n * 10")}, e, {_id("project", "n")}, {_id("deployment", "n * 100 + 1")}, now(), 'x'
        from generate_series(1, {PROJECTS}) n, unnest(array['development', 'staging']) e""",
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
          'api', 0, cast(n % 1000 = 0 as int), 1, 'x', {_id("key", _OF)}, null, {_SUBMITTED}, null, null, n % 2 * 1000
        from generate_series(1, {PENDING + READY}) n""",
    f"""insert into job_queue (job_id, project_id, lane, priority, stamp, submitted_at)
        select {_id("queued", "n")}, {_id("project", _OF)}, 'default', 0,
               case when n <= {READY} then n * 1000 end, now() from generate_series(1, {PENDING + READY}) n""",
    f"""{_JOB} select {_id("later", "n")}, {_id("project", "1")}, {_id("pack", "10")}, {_id("deployment", "110")}, 10,
          'echo', 'deterministic', 'queued', '{{}}', null, 'default', 9, 'api', 0, 0, 1, 'x', {_id("key", "1")}, null,
          {_SUBMITTED}, null, null, 0
        from generate_series(1, {SCHEDULED}) n""",
    f"""insert into job_queue (job_id, project_id, lane, priority, submitted_at, not_before, is_later)
        select {_id("later", "n")}, {_id("project", "1")}, 'default', 9, now(), now() + interval '1 day', true
        from generate_series(1, {SCHEDULED}) n""",
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
    f"""insert into agent_sessions (id, project_id, skillpack_id, skill_name, title, created_by, message_count,
                                    created_at, updated_at)
        select {_id("agent_session", "n")}, {_id("project", _OF)}, {_id("pack", f"{_OF} * 10")}, 'skill-' || n % 7,
               'Title ' || n, 'x', 5, {_AGE}, {_AGE} from generate_series(1, {SESSIONS}) n""",
    # Jobs whose numbers have this distance belong to the same project.
    f"""insert into session_turns (id, project_id, session_id, number, job_id, content, inputs, message, status, reply,
                                   created_at, ended_at)
        select gen_random_uuid(), {_id("project", _OF)}, {_id("agent_session", "n")}, k,
               {_id("job", f"n + k * {SESSIONS}")}, 'word' || n, '{{}}', '', 'succeeded', '"x"', {_AGE}, {_AGE}
        from generate_series(1, {SESSIONS}) n, generate_series(1, 5) k""",
    "update jobs set error_signature = left(md5(left(id::text, 2)), 16) where status = 'failed'",
    """insert into failure_clusters (project_id, signature, skill_name, error_code, message, frame, first_version,
                                     first_seen_at)
        select project_id, error_signature, min(skill_name), 'exception', 'No.', '', 1, min(created_at) from jobs
        where error_signature is not null group by project_id, error_signature""",
    """update failure_clusters
        set state = case when signature < '8' then 'resolved' else 'ignored' end, state_changed_by = 'x',
            state_changed_at = now() - interval '20 days',
            ignored_jobs = case when signature >= '8' then 1000 end
        where signature < '4' or signature > 'c'""",
    "update jobs j set session_id = t.session_id from session_turns t where t.job_id = j.id",
    f"""insert into project_events (project_id, id, type, data, sent_by, received_at)
        select {_id("project", _OF)}, 'event-' || n, 'type-' || n % 20, '{{}}', 'x', {_AGE}
        from generate_series(1, 50000) n""",
    f"""insert into job_waits (job_id, key, project_id, name, kind, wake_at, event_type, is_suspended, created_at)
        select {_id("later", "n")}, '1', {_id("project", "1")}, 'x', case when n % 2 = 0 then 'event' else 'time' end,
               now() + interval '1 day', case when n % 2 = 0 then 'type-' || n % 20 end, true, now()
        from generate_series(1, {SCHEDULED}) n""",
    f"""insert into job_steps (job_id, branch, position, name, occurrence, kind, status, attempt, retries, tries,
                               started_at, finished_at)
        select {_id("job", "n")}, '', k, 'step-' || k, 1, 'step', 'finished', 1, 0, 1, {_AGE}, {_AGE}
        from generate_series(1, 20000) n, generate_series(1, 5) k""",
    f"""insert into flow_steps (job_id, step, item, project_id, kind, status, tries, child_job_id, started_at,
                                finished_at)
        select {_id("job", "n")}, 'each', k, {_id("project", _OF)}, 'skill', 'succeeded', 1,
               {_id("job", "n + k * 20000")}, {_AGE}, {_AGE}
        from generate_series(1, 20000) n, generate_series(1, 5) k""",
    f"""insert into daily_spending (project_id, day, skillpack_id, skill_name, api_key_id, spent_micros,
                                    forgiven_micros)
        select {_id("project", "p")}, current_date - d, {_id("pack", "p * 10")}, 'skill-' || s, {_id("key", "p")}, 10, 1
        from generate_series(1, {PROJECTS}) p, generate_series(0, 59) d, generate_series(1, 7) s""",
    f"""insert into environment_spending (project_id, day, environment, spent_micros, forgiven_micros)
        select {_id("project", "p")}, current_date - d, e, 10, 1
        from generate_series(1, {PROJECTS}) p, generate_series(0, 59) d, unnest(array['development', 'staging']) e""",
    "update jobs set environment = 'staging' where source = 'studio'",
    f"""insert into budgets (id, project_id, name, scope, period, limit_micros, alert_pct, enforce, created_by,
                             created_at, environment)
        select {_id("budget", "p * 10 + b")}, {_id("project", "p")}, 'Budget ' || b,
               case b when 1 then 'environment' else 'project' end,
               (array['day', 'month', 'rolling30', 'total'])[b], 1000000000, 80, true, 'x', now(),
               case b when 1 then 'production' end
        from generate_series(1, {PROJECTS}) p, generate_series(1, 4) b""",
    f"""insert into provider_keys (project_id, family, ciphertext, updated_at, updated_by)
        select {_id("project", "p")}, 'family' || f, 'x', now(), 'x'
        from generate_series(1, {PROJECTS}) p, generate_series(1, 6) f""",
    f"""insert into invitations (id, project_id, email, role, token_hash, created_by, created_at, expires_at)
        select gen_random_uuid(), {_id("project", "p")}, 'i' || i || '@example.org', 'viewer', p || '-' || i, 'x',
               now(), now() + interval '7 days'
        from generate_series(1, {PROJECTS}) p, generate_series(1, 10) i""",
    """insert into deployment_prompts (deployment_id, skill_name, project_id, skillpack_id, number, sha256)
        select id, 'echo', project_id, skillpack_id, 1 + coalesce(version, 0) % 5, repeat('0', 64) from deployments""",
    f"""insert into approvals (id, project_id, job_id, step, place, tool, tool_use_id, input, status, reason,
                               decided_by, created_at, expires_at)
        select {_id("approval", "n")}, {_id("project", _OF)}, {_id("job", "n")}, 1, 1, 'send', 't', '{{}}',
               case when n % 100 = 0 then 'pending' else 'approved' end, '', '', {_AGE}, {_AGE} + interval '30 minutes'
        from generate_series(1, 20000) n""",
    f"""insert into media_calls (job_id, key, fingerprint, attempt, held_micros, renewed_at, created_at)
        select {_id("job", "n")}, 'k', 'x', 1, 0, {_AGE}, {_AGE} from generate_series(1, 20000) n""",
    f"""insert into audit_rows (project_id, actor, action, target, facts, request_id, at)
        select {_id("project", _OF)}, 'x',
               (array['api_key.created', 'event.sent', 'drive.uploaded', 'job.cancelled', 'job.rated', 'secret.set',
                      'comment.created', 'memory.put'])[1 + n % 8], '', '{{}}', '', {_AGE}
        from generate_series(1, 20000) n""",
    f"""insert into idempotency_keys (scope, key, fingerprint, job_id, created_at)
        select 'secret_key:' || n % 50, 'key-' || n, 'x', {_id("job", "n")}, now() - interval '1 second' * n
        from generate_series(1, 20000) n""",
    f"""insert into feedback (id, project_id, job_id, given_by, rating, comment, created_at, updated_at)
        select gen_random_uuid(), {_id("project", _OF)}, {_id("job", "n")}, 'x', 1, '', now(), now()
        from generate_series(1, 20000) n""",
    f"""insert into job_comments (id, project_id, job_id, step, body, mentions, created_by, created_at)
        select gen_random_uuid(), {_id("project", _OF)}, {_id("job", "n")}, '', 'Look', '[]', 'x', {_AGE}
        from generate_series(1, 20000) n""",
    f"""insert into annotation_queues (id, project_id, name, instructions, filter, rubric, filled_until, created_by,
                                       created_at, updated_at)
        select {_id("queue", "p * 10 + q")}, {_id("project", "p")}, 'Queue ' || q, '',
               case when q = 1 then '{{"skill": "skill-3"}}'::jsonb end,
               '[{{"key": "good", "label": "Good", "kind": "yes_no"}}]', now(), 'x', now(), now()
        from generate_series(1, {PROJECTS}) p, generate_series(1, 3) q""",
    f"""insert into annotation_items (id, project_id, queue_id, job_id, status, added_by, added_at)
        select gen_random_uuid(), {_id("project", _OF)}, {_id("queue", f"{_OF} * 10 + 1 + n % 3")}, {_id("job", "n")},
               case when n % 10 < 5 then 'pending' else 'done' end, 'filter', {_AGE}
        from generate_series(1, 40000) n""",
    f"""insert into annotations (id, project_id, job_id, queue_id, step, scores, comment, created_by, created_at,
                                 updated_at)
        select gen_random_uuid(), {_id("project", _OF)}, {_id("job", "n")}, {_id("queue", f"{_OF} * 10 + 1 + n % 3")},
               '', '{{"good": true}}', '', 'x', {_AGE}, {_AGE}
        from generate_series(1, 40000) n""",
    f"""insert into webhooks (id, project_id, url, description, events, skills, enabled, disabled_reason, ciphertext,
                              created_by, created_at, updated_at)
        select {_id("webhook", "p * 10 + w")}, {_id("project", "p")}, 'https://example.org/', '', '{{}}', '{{}}', true,
               '', 'x', 'x', now(), now()
        from generate_series(1, {PROJECTS}) p, generate_series(1, 3) w""",
    f"""insert into webhook_deliveries (id, webhook_id, project_id, event, body, status, attempts, next_at, retry_until,
                                        created_at)
        select {_id("delivery", "n")}, {_id("webhook", f"{_OF} * 10 + 1")}, {_id("project", _OF)}, 'job.succeeded',
               '{{}}', case when n % 997 = 0 then 'pending' else 'delivered' end, 1, {_AGE}, now(), {_AGE}
        from generate_series(1, 50000) n""",
    f"""insert into alert_rules (id, project_id, name, metric, threshold, window_minutes, min_jobs, enabled, state,
                                 jobs, next_at, created_by, created_at, updated_at)
        select {_id("alert", "p * 10 + a")}, {_id("project", "p")}, 'x',
               (array['error_rate', 'latency_p95', 'spend', 'queue_age'])[a], 1, 60, 5, true, 'ok', 0,
               case when p = 1 then now() - interval '1 minute' else now() + interval '1 hour' end, 'x', now(), now()
        from generate_series(1, {PROJECTS}) p, generate_series(1, 4) a""",
    f"""insert into listings (id, project_id, slug, skillpack_id, skill_name, title, description, words, price_micros,
                              status, follows_active, last_version, created_by, created_at, updated_at, published_at)
        select {_id("listing", "p * 10 + l")}, {_id("project", "p")}, 'listing-' || p || '-' || l,
               {_id("pack", "p * 10")}, 'echo', 'Listing', '', 'listing word' || p, 5, 'published', l % 2 = 0, 3, 'x',
               now() - interval '1 minute' * (p * 10 + l), now(), now() - interval '1 minute' * (p * 10 + l)
        from generate_series(1, {PROJECTS}) p, generate_series(1, 4) l""",
    f"""insert into listing_versions (listing_id, number, project_id, deployment_id, deployment_version, notes,
                                      is_breaking, created_at)
        select {_id("listing", "p * 10 + l")}, v, {_id("project", "p")}, {_id("deployment", "p * 100 + v")}, v, '',
               false, now()
        from generate_series(1, {PROJECTS}) p, generate_series(1, 4) l, generate_series(1, 3) v""",
    f"""insert into listing_callers (listing_id, caller_id, project_id, runs, succeeded)
        select {_id("listing", "p * 10 + 1")}, {_id("project", "c")}, {_id("project", "p")}, 9, 8
        from generate_series(1, {PROJECTS}) p, generate_series(1, 20) c""",
    f"""insert into schedules (id, project_id, name, skillpack_id, skill_name, inputs, limits, metadata, cron,
                               time_zone, overlap, missed, catch_up_s, enabled, next_at, created_by, created_at,
                               updated_at)
        select {_id("schedule", "p * 10 + s")}, {_id("project", "p")}, 'S' || s, {_id("pack", "p * 10")}, 'echo',
               '{{}}', '{{}}', '{{}}', '@hourly', 'UTC', 'cancel_previous', 'skip', 86400, true,
               now() + interval '1 minute' * (p - 10), 'x', now(), now()
        from generate_series(1, {PROJECTS}) p, generate_series(1, 4) s""",
    f"""insert into schedule_runs (id, schedule_id, project_id, due_at, by_hand, outcome, job_id, reason, code,
                                   created_at)
        select gen_random_uuid(), {_id("schedule", f"{_OF} * 10 + 1")}, {_id("project", _OF)}, {_AGE}, false,
               'submitted', {_id("job", "n")}, '', '', {_AGE}
        from generate_series(1, 50000) n""",
    f"""insert into eval_suites (id, project_id, skillpack_id, skill_name, deployment_id, deployment_version, status,
                                 waiting_reason, error, repeat, total_runs, is_gate, is_baseline, summary, created_by,
                                 actor_kind, actor_id, created_at, finished_at)
        select {_id("suite", "n")}, {_id("project", _OF)}, {_id("pack", f"{_OF} * 10")}, 'skill-' || n % 7,
               {_id("deployment", f"{_OF} * 100 + 1 + n % 10")}, 1 + n % 10,
               case when n % 1000 = 0 then 'running' else 'succeeded' end, '', '', 1, 20, false, false,
               case when n % 1000 > 0 then '{{}}'::jsonb end, 'x', 'user', {_id("user", "1")}, {_SUITE_AGE},
               case when n % 1000 > 0 then {_SUITE_AGE} end
        from generate_series(1, {SUITES}) n""",
    f"""insert into eval_runs (suite_id, number, round, project_id, case_id, inputs, has_expected, job_id, submitted_at)
        select {_id("suite", "n")}, k, 1, {_id("project", _OF)}, 'case-' || k, '{{}}', false,
               case when n % 5 = 0 then {_id("job", "5 * (20 * (n / 5 - 1) + k)")} end, {_SUITE_AGE}
        from generate_series(1, {SUITES}) n, generate_series(1, 20) k""",
    f"""insert into eval_cases (id, project_id, skillpack_id, skill_name, case_id, inputs, has_expected, source_job_id,
                                created_by, created_at)
        select gen_random_uuid(), {_id("project", _OF)}, {_id("pack", f"{_OF} * 10")}, 'skill-' || n % 7, 'case-' || n,
               '{{}}', false, {_id("job", "n")}, 'x', {_AGE}
        from generate_series(1, 10000) n""",
    f"""insert into notebook_kernels (id, project_id, skillpack_id, path, owner, created_at)
        select {_id("job", "n")}, {_id("project", _OF)}, {_id("pack", f"{_OF} * 10")}, n || '.ipynb', 'x', {_AGE}
        from generate_series(1, 20000) n where n % 5 > 0 or n <= 400""",
    f"""insert into notebook_cells (id, kernel_id, project_id, number, cell, code, status, revision, created_at)
        select gen_random_uuid(), {_id("job", "n")}, {_id("project", _OF)}, k, 'c' || k, '1', 'ok', k, {_AGE}
        from generate_series(1, 400) n, generate_series(1, 100) k""",
    f"""insert into drive_usage (project_id, bytes, files, counted_at)
        select {_id("project", "n")}, 0, 0, now() from generate_series(1, {PROJECTS}) n""",
    f"""insert into drive_files (project_id, path, version, sha256)
        select {_id("project", "n")}, 'out/' || k || '.txt', 'x', md5('a') || md5('a')
        from generate_series(1, {PROJECTS}) n, generate_series(1, 50) k""",
    f"""insert into drive_uploads (id, project_id, path, length_bytes, upload_metadata, created_at, expires_at)
        select gen_random_uuid(), {_id("project", "n")}, k || '.txt', 1, '', now(), now() + interval '1 day'
        from generate_series(1, {PROJECTS}) n, generate_series(1, 10) k""",
    f"""insert into drafts (skillpack_id, project_id, revision, updated_by, updated_at)
        select {_id("pack", "n * 10 + k")}, {_id("project", "n")}, 1, 'x', now()
        from generate_series(1, {PROJECTS}) n, generate_series(0, 3) k""",
    f"""insert into memory_records (id, project_id, scope, mtype, kind, entity_key, title, summary, record, tags,
                                    aliases, importance, pinned, stale_at, version, job_id, written_by, forgotten_at,
                                    forgotten_why, size_bytes, names, words, created_at, updated_at)
        select {_id("memory", "n")}, {_id("project", _OF)}, 'entity', 'semantic', 'kind-' || n % 7, 'k-' || n, '', '',
               '{{}}', '{{}}', '{{}}', 0.5, n % 500 = 0, case when n % 9 = 0 then {_AGE} end, 1, {_id("job", "n")}, 'x',
               case when n % 50 = 1 then {_AGE} end, '', 500, array[{_id("project", _OF)} || '|k-' || n],
               array_to_tsvector(array['project:' || {_id("project", _OF)}])
                 || to_tsvector('english', 'word' || n % 900 || ' often'), {_AGE}, {_AGE}
        from generate_series(1, 20000) n""",
    """insert into memory_vectors (memory_id, project_id, model, embedding)
        select id, project_id, 'm', '{1}' from memory_records""",
    """insert into memory_changes (memory_id, project_id, action, version, created, job_id, call_key, written_by,
                                   reason, at)
        select id, project_id, 'put', 1, true, job_id, 'k', 'x', '', created_at from memory_records""",
    f"""insert into memory_usage (project_id, records, bytes)
        select {_id("project", "n")}, 0, 0 from generate_series(1, {PROJECTS}) n""",
)
_COUNT_PENDING: Final = """
update admissions a set parked = q.pending
from (select project_id, count(*) as pending from job_queue where stamp is null group by project_id) q
where q.project_id = a.project_id
"""
_PLAIN_INDEXES: Final = """
select c.relname, pg_get_indexdef(c.oid) from pg_class c join pg_index i on i.indexrelid = c.oid
where c.relkind = 'i' and not i.indisunique and not c.relispartition and c.relnamespace = 'public'::regnamespace
"""


_TRUNCATE_ALL: Final = """
do $$ begin
    execute (select 'truncate ' || string_agg(relname::regclass::text, ', ') || ' cascade' from pg_class
        where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace and relname <> 'alembic_version');
end $$
"""


def fill(database_url: str) -> Filled:
    """Fill an empty database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        # Pages of rows that other tests have deleted would count as pages of a table in use.
        connection.execute(_TRUNCATE_ALL)
        connection.execute("set synchronous_commit = off")
        connection.execute("set work_mem = '64MB'")
        plain = connection.execute(_PLAIN_INDEXES).fetchall()
        for name, _ in plain:
            connection.execute(f"drop index {name}")
        for statement in _STATEMENTS:
            connection.execute(statement)
        connection.execute(_COUNT_PENDING)
        for _, definition in plain:  # one build after the inserts takes a third of the time
            connection.execute(definition)
        connection.execute("analyze")
        queries = {
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
                ("webhook_id", "webhook", "11"),
                ("alert_id", "alert", "11"),
                ("listing_id", "listing", "11"),
                ("delivery_id", "delivery", "995"),
                ("schedule_id", "schedule", "11"),
                ("memory_id", "memory", "15000"),
                ("suite_id", "suite", "3500"),
                ("kernel_id", "job", "5"),
                ("session_id", "agent_session", "3500"),
                ("approval_id", "approval", "15000"),
                ("queue_id", "queue", "11"),
            )
        }
        rows = {name: connection.execute(query).fetchone() for name, query in queries.items()}
    return Filled(**{name: row[0] for name, row in rows.items() if row is not None})
