-- Statements that put a job back into the queue, or let it wait outside of it. `../transitions.py` runs them.

-- name: requeue
-- Put a running job back into the queue of its project and release what was reserved for the attempt.
with locked as (
  select id, reserved_micros from jobs
  where id = :job_id and attempt = :attempt and status = 'running' for update
), requeued as (
  update jobs j
  set status = 'queued', worker_id = null, started_at = null, reserved_micros = 0,
      losses = j.losses + :lost, losses_alone = j.losses_alone + :lost_alone, retries = j.retries + :retried,
      event_seq = j.event_seq + :count
  from locked where j.id = locked.id
  returning j.id, j.project_id, j.lane, j.priority, j.created_at, j.event_seq, j.cap_micros, j.losses,
            j.parent_job_id is null or j.is_step as has_slot, locked.reserved_micros
), queue_entry as (
  insert into job_queue (job_id, project_id, lane, priority, suspect, not_before, is_later, submitted_at, cap_micros)
  select id, project_id, lane, priority, losses >= {quarantine_threshold}, :not_before,
         coalesce(cast(:not_before as timestamptz) > now(), false), created_at, cap_micros
  from requeued
  where has_slot
), event as (
  insert into job_events (job_id, seq, {event_columns})
  select requeued.id, requeued.event_seq - :count + e.n, {event_values} from requeued, {event_rows}
), wallet as (
  update wallets w set reserved_micros = w.reserved_micros - requeued.reserved_micros
  from requeued where w.project_id = requeued.project_id and requeued.reserved_micros > 0
  returning 1
), slot as (
  update admissions a set admitted = a.admitted - 1, parked = a.parked + 1
  from requeued where a.project_id = requeued.project_id and requeued.has_slot
    and (select count(*) from wallet) >= 0  -- the wallet's row first
)
select project_id, event_seq from requeued

-- name: await_approval
-- Let a running job wait for approvals without a worker, a place in the window or reserved money.
with locked as (
  select id, reserved_micros from jobs
  where id = :job_id and attempt = :attempt and status = 'running' for update
), waiting as (
  update jobs j
  set status = 'waiting', worker_id = null, started_at = null, reserved_micros = 0, event_seq = j.event_seq + :count
  from locked where j.id = locked.id
  returning j.id, j.project_id, j.event_seq, j.cancel_requested_at, j.parent_job_id, locked.reserved_micros,
            j.skill_name, j.status, j.error_code, j.source, j.session_id, j.metadata, j.environment,
            j.parent_job_id is null or j.is_step as has_slot
), delivery as ({deliveries_of_waiting}
), approval as (
  insert into approvals (id, project_id, job_id, step, place, tool, tool_use_id, input, effect, input_schema, status,
                         reason, decided_by, created_at, expires_at)
  select a.id, w.project_id, w.id, a.step, a.place, a.tool, a.tool_use_id, a.input, a.effect, a.input_schema,
         'pending', '', '', clock_timestamp(), cast(:expires_at as timestamptz)
  from waiting w, json_to_recordset(cast(:wanted as json)) as a(id uuid, step int, place int, tool text,
                                                               tool_use_id text, input json, effect text,
                                                               input_schema json)
), event as (
  insert into job_events (job_id, seq, {event_columns})
  select w.id, w.event_seq - :count + e.n, {event_values} from waiting w, {event_rows}
), wallet as (
  update wallets w set reserved_micros = w.reserved_micros - waiting.reserved_micros
  from waiting where w.project_id = waiting.project_id and waiting.reserved_micros > 0
  returning 1
), slot as (
  update admissions a set admitted = a.admitted - 1
  from waiting where a.project_id = waiting.project_id and waiting.has_slot
    and (select count(*) from wallet) >= 0  -- the wallet's row first
)
select project_id, event_seq, cancel_requested_at from waiting

-- name: resume_decided
-- Append the decision of an approval, and put the job back into the queue if it was the last one. A flow continues
-- after each of them.
with job as (
  update jobs j
  set event_seq = event_seq + :count, is_continued = true,
      status = case when type <> 'flow' and exists (
                 select from approvals a
                 where a.project_id = :project_id and a.job_id = :job_id and a.status = 'pending'
               )
               then status else 'queued' end
  where id = :job_id and project_id = :project_id and status = 'waiting'
  returning id, project_id, lane, priority, created_at, event_seq, cap_micros, losses, status = 'queued' as is_queued,
            status = 'queued' and (parent_job_id is null or is_step) as has_queue_entry,
            case when not is_step then parent_job_id end as parent_id
), event as (
  insert into job_events (job_id, seq, {event_columns})
  select job.id, job.event_seq - :count + e.n, {event_values} from job, {event_rows}
), wait as (
  update job_waits w set is_suspended = false from job
  where w.job_id = job.id and w.project_id = job.project_id and job.is_queued
), queue_entry as (
  insert into job_queue (job_id, project_id, lane, priority, suspect, submitted_at, cap_micros)
  select id, project_id, lane, priority, losses >= {quarantine_threshold}, created_at, cap_micros
  from job where has_queue_entry
), slot as (
  update admissions a set parked = a.parked + 1 from job where a.project_id = job.project_id and job.has_queue_entry
)
select project_id, event_seq, lane, is_queued, parent_id from job

-- name: suspend_flow
-- Let the running job of a flow wait for its steps, approvals, times and events without a worker, a place in the window
-- or reserved money.
with locked as (
  select id, reserved_micros from jobs
  where id = :job_id and attempt = :attempt and status = 'running' for update
), waiting as (
  update jobs j
  set status = 'waiting', worker_id = null, started_at = null, reserved_micros = 0, event_seq = j.event_seq + :count
  from locked where j.id = locked.id
  returning j.id, j.project_id, j.event_seq, j.cancel_requested_at, locked.reserved_micros,
            j.parent_job_id is null or j.is_step as has_slot
), wait as (
  update job_waits w set is_suspended = true
  from waiting where w.job_id = waiting.id and w.project_id = waiting.project_id
), event as (
  insert into job_events (job_id, seq, {event_columns})
  select w.id, w.event_seq - :count + e.n, {event_values} from waiting w, {event_rows}
), wallet as (
  update wallets w set reserved_micros = w.reserved_micros - waiting.reserved_micros
  from waiting where w.project_id = waiting.project_id and waiting.reserved_micros > 0
  returning 1
), slot as (
  update admissions a set admitted = a.admitted - 1
  from waiting where a.project_id = waiting.project_id and waiting.has_slot
    and (select count(*) from wallet) >= 0  -- the wallet's row first
)
select project_id, event_seq, cancel_requested_at from waiting

-- name: resume_flow
-- Put the waiting job of a flow back into the queue if a job of a step has ended, an approval was decided, or a time or
-- an event has come.
with job as (
  update jobs j set status = 'queued', is_continued = true
  where j.id = :job_id and j.project_id = :project_id and j.status = 'waiting' and j.type = 'flow' and (
    exists (
      select from flow_steps s join jobs c on c.id = s.child_job_id
      where s.project_id = :project_id and s.job_id = j.id and s.status = 'running' and c.finished_at is not null
    ) or exists (
      select from approvals a join flow_steps s on s.job_id = a.job_id and s.step = a.tool and s.status = 'running'
      where a.project_id = :project_id and a.job_id = j.id and a.status <> 'pending'
    ) or exists (
      select from job_waits w
      where w.project_id = :project_id and w.job_id = j.id and w.wake_at <= clock_timestamp()
    )
  )
  returning j.id, j.project_id, j.lane, j.priority, j.created_at, j.cap_micros, j.losses,
            j.parent_job_id is null or j.is_step as has_slot,
            case when not j.is_step then j.parent_job_id end as parent_id
), wait as (
  update job_waits w set is_suspended = false from job where w.job_id = job.id and w.project_id = job.project_id
), queue_entry as (
  insert into job_queue (job_id, project_id, lane, priority, suspect, submitted_at, cap_micros)
  select id, project_id, lane, priority, losses >= {quarantine_threshold}, created_at, cap_micros from job where has_slot
), slot as (
  update admissions a set parked = a.parked + 1 from job where a.project_id = job.project_id and job.has_slot
)
select lane, parent_id from job

-- name: suspend
-- Let a running job wait for its rows in `job_waits` without a worker, a place in the window or reserved money.
with locked as (
  select id, reserved_micros from jobs
  where id = :job_id and attempt = :attempt and status = 'running' for update
), suspended as (
  update jobs j
  set status = 'waiting', worker_id = null, started_at = null, reserved_micros = 0, event_seq = j.event_seq + :count
  from locked where j.id = locked.id
  returning j.id, j.project_id, j.event_seq, j.cancel_requested_at, locked.reserved_micros,
            j.parent_job_id is null or j.is_step as has_slot
), wait as (
  update job_waits w set is_suspended = true
  from suspended where w.job_id = suspended.id and w.project_id = suspended.project_id
), event as (
  insert into job_events (job_id, seq, {event_columns})
  select s.id, s.event_seq - :count + e.n, {event_values} from suspended s, {event_rows}
), wallet as (
  update wallets w set reserved_micros = w.reserved_micros - suspended.reserved_micros
  from suspended where w.project_id = suspended.project_id and suspended.reserved_micros > 0
  returning 1
), slot as (
  update admissions a set admitted = a.admitted - 1
  from suspended where a.project_id = suspended.project_id and suspended.has_slot
    and (select count(*) from wallet) >= 0  -- the wallet's row first
)
select project_id, event_seq, cancel_requested_at from suspended

-- name: resume_due
-- Put those waiting jobs of a project back into the queue that have a wait that has ended.
with due as (
  select j.id from jobs j
  where j.project_id = :project_id and j.id = any(:job_ids) and j.status = 'waiting' and exists (
    select from job_waits w
    where w.project_id = :project_id and w.job_id = j.id and w.wake_at <= clock_timestamp()
  )
  order by j.created_at, j.id for update
), job as (
  update jobs j set status = 'queued', is_continued = true from due where j.id = due.id
  returning j.id, j.project_id, j.lane, j.priority, j.created_at, j.cap_micros, j.losses,
            j.parent_job_id is null or j.is_step as has_slot,
            case when not j.is_step then j.parent_job_id end as parent_id
), wait as (
  update job_waits w set is_suspended = false from job where w.job_id = job.id and w.project_id = job.project_id
), queue_entry as (
  insert into job_queue (job_id, project_id, lane, priority, suspect, submitted_at, cap_micros)
  select id, project_id, lane, priority, losses >= {quarantine_threshold}, created_at, cap_micros
  from job where has_slot
  returning 1
), slot as (
  update admissions a set parked = a.parked + (select count(*) from queue_entry)
  where a.project_id = :project_id and exists (select from queue_entry)
)
select id, lane, parent_id from job
