-- Statements that put a job into the queue. `../transitions.py` runs them.

-- name: start_free
-- Start a job that costs nothing in the worker whose free slot the caller has taken, if the project has room for it.
-- Return no row, and change nothing, if the project has none, its configuration has changed, or the worker takes no jobs
-- any more: `submit_free` decides then. The job takes no place in the order of fairness: no job waits while workers have
-- free slots.
with slot as (
  select k.id from workers k where k.id = cast(:worker_id as uuid) and not k.stopping
    and k.shortage is null and k.beat_at > now() - {max_heartbeat_age}
), taken as (
  update admissions a set admitted = a.admitted + 1 from slot
  where a.project_id = :project_id and a.admitted < a.concurrency_limit and not ({is_outdated})
  returning slot.id as worker_id
), job as (
  insert into jobs ({job_columns}, status, attempt, worker_id, started_at, first_started_at, event_seq)
  select {job_values}, 'running', 1, worker_id, clock_timestamp(), clock_timestamp(), 2 from taken
  returning id, project_id, publisher_id, worker_id, created_at, started_at
), event as (
  insert into job_events (job_id, seq, earlier, ts, type, payload)
  select id, 2, jsonb_build_array(jsonb_build_array(
           cast(extract(epoch from started_at - created_at) * 1000000 as bigint), 'queued', cast(:event as jsonb)
         )), started_at, 'started', jsonb_build_object('attempt', 1, 'worker', cast(worker_id as text))
  from job
)
select s.started_at, p.number as project_number, {secrets_stamp} as secrets_stamp
from job s join projects p on p.id = s.project_id

-- name: submit_free
-- Put a job into the queue that costs nothing and does not wait for its time.
-- PostgreSQL starts a statement again, with each of its subqueries, when it has waited for the project's row. In a
-- burst that is most submissions, so this one has the fewest subqueries. It counts jobs for later among those that
-- wait: where it finds the queue full, `submit` decides.
with candidate as (
  select a.project_id, a.parked, w.balance_micros, w.reserved_micros,
         a.admitted, a.concurrency_limit, a.admitted < a.concurrency_limit as has_room,
         least(coalesce(cast(p.limits ->> 'queued_jobs' as int), :max_queued),
               cast(p.own_limits ->> 'queued_jobs' as int)) as max_waiting,
         {is_outdated} as is_outdated
  from admissions a join wallets w on w.project_id = a.project_id join projects p on p.id = a.project_id
  where a.project_id = :project_id for update of a
), taken as (
  update admissions a
  set {admit_or_park}, tail = case when w.has_room then {next_tail} else a.tail end
  from candidate w
  where a.project_id = w.project_id and not w.is_outdated and (w.has_room or w.parked < w.max_waiting)
  returning {stamp_of_admitted}
), job as (
  insert into jobs ({job_columns}, status, event_seq)
  select {job_values}, 'queued', 1 from taken
  returning id, project_id, lane, priority, created_at, cap_micros
), queue_entry as (
  insert into job_queue (job_id, project_id, lane, priority, stamp, not_before, is_later, submitted_at, cap_micros)
  select id, project_id, lane, priority, (select stamp from taken), null, false, created_at, cap_micros
  from job
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select id, 1, created_at, 'queued', cast(:event as jsonb) from job
)
select {submit_result},
       w.admitted, w.concurrency_limit, (select stamp from taken) as stamp, exists (
         select from workers k where :lane = any(k.lanes) and k.beat_at > now() - {max_worker_age}
       ) as has_worker
from candidate w

-- name: submit
-- Put any job into the queue: ready if the project has room for it, else pending.
with project as (
  select a.project_id, a.parked,
         least(coalesce(cast(p.limits ->> 'queued_jobs' as int), :max_queued),
               cast(p.own_limits ->> 'queued_jobs' as int)) as max_waiting,
         least(coalesce(cast(p.limits ->> 'later_jobs' as int), :max_later),
               cast(p.own_limits ->> 'later_jobs' as int)) as max_later,
         coalesce(cast(:not_before as timestamptz) > now(), false) as is_later,
         w.balance_micros, w.reserved_micros, {is_outdated} as is_outdated,
         cast(:cap_micros as bigint) = 0 as is_free,
         a.admitted < a.concurrency_limit
         and (cast(:cap_micros as bigint) = 0 or w.balance_micros > w.reserved_micros)
         and (cast(:not_before as timestamptz) is null or cast(:not_before as timestamptz) <= now())
         and {can_hold_cap} as has_room
  from admissions a join wallets w on w.project_id = a.project_id join projects p on p.id = a.project_id
  where a.project_id = :project_id for update of a
), candidate as (  -- jobs for later are counted only where a bound may be reached
  select p.*, case when p.is_later or p.parked >= p.max_waiting then (
    select count(*) from job_queue q where q.project_id = p.project_id and q.is_later
  ) else 0 end as later
  from project p
), taken as (
  update admissions a
  set {admit_or_park}, tail = case when w.has_room then {next_tail} else a.tail end
  from candidate w
  where a.project_id = w.project_id and not w.is_outdated and (w.is_free or w.balance_micros > 0) and (w.has_room or
    case when w.is_later then w.later < w.max_later else w.parked - w.later < w.max_waiting end)
  returning {stamp_of_admitted}
), job as (
  insert into jobs ({job_columns}, status, event_seq)
  select {job_values}, 'queued', 1 from taken
  returning id, project_id, lane, priority, created_at, cap_micros
), queue_entry as (
  insert into job_queue (job_id, project_id, lane, priority, stamp, not_before, is_later, submitted_at, cap_micros)
  select id, project_id, lane, priority, (select stamp from taken), cast(:not_before as timestamptz),
         (select is_later from candidate), created_at, cap_micros
  from job
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select id, 1, created_at, 'queued', cast(:event as jsonb) from job
)
select {submit_result},
       w.is_later, w.later, w.parked - w.later as waiting, w.max_later, w.max_waiting
from candidate w

-- part: admit_or_park
-- Count the job among the admitted or the pending ones of its project.
admitted = a.admitted + cast(w.has_room as int), parked = a.parked + cast(not w.has_room as int)

-- part: next_tail
-- The virtual time at which the next job of the project starts, after an admitted one.
greatest(a.tail, (select last_value from fair_clock)) + {tick} / a.weight

-- part: stamp_of_admitted
-- Give an admitted job its place in the order of fairness; null for a pending one.
case when w.has_room then a.tail - {tick} / a.weight end as stamp

-- part: is_outdated
-- Whether the configuration of the project has changed since the stamp that the caller remembers, if any.
cast(:stamp as uuid) is not null and cast(:stamp as uuid) is distinct from (
  select c.stamp from configuration_stamps c where c.project_id = a.project_id
)

-- part: job_columns
-- Columns that the submission of a job sets.
id, project_id, skillpack_id, deployment_id, deployment_version, skill_name, type, model,
                    parent_job_id, replay_of, inputs, lane, priority, source, metadata, limits, cap_micros,
                    forgivable_micros, prompt, submitted_by, api_key_id, request_id, traceparent, created_at,
                    listing_id, listing, listing_version, publisher_id, price_micros, earning_micros, approval,
                    started_by_agent, input_versions, session_id, environment

-- part: job_values
-- The values of `job_columns`.
:id, cast(:project_id as uuid), cast(:skillpack_id as uuid), cast(:deployment_id as uuid),
         cast(:deployment_version as int), :skill_name, :type, cast(:model as text),
         cast(:parent_job_id as uuid), cast(:replay_of as uuid), cast(:inputs as json), :lane, :priority, :source,
         cast(:metadata as jsonb), cast(:limits as jsonb), :cap_micros,
         :forgivable_micros, cast(:prompt as text), :submitted_by, cast(:api_key_id as uuid), :request_id,
         :traceparent, cast(:created_at as timestamptz),
         cast(:listing_id as uuid), :listing, cast(:listing_version as int), cast(:publisher_id as uuid),
         :price_micros, :earning_micros, :approval, :started_by_agent, cast(:input_versions as jsonb),
         cast(:session_id as uuid), :environment

-- part: submit_result
-- Return whether the job was accepted, and why not.
exists (select from taken) as is_accepted, w.has_room as is_ready, w.is_outdated, w.balance_micros, w.reserved_micros,
not exists (select from taken) and (w.balance_micros > 0 or cast(:cap_micros as bigint) = 0) as is_full

-- name: submit_subjob
-- Submit the job of a call that a running job makes, once for each id, and record the call in the caller's events. The
-- steps of a flow are paid from the wallet, so a flow may cost only what is left of the caller's money, beyond what the
-- other flows that it has called may cost.
with parent as (
  select * from jobs where project_id = :project_id and id = :parent_id and attempt = :attempt and status = 'running'
  for update
), shared as (
  select greatest(1, floor((
    p.reserved_micros - p.price_micros - p.used_micros - p.called_used_micros + coalesce((
      select sum(c.reserved_micros) from jobs c where c.parent_job_id = p.id and c.finished_at is null
    ), 0)
  ) / :share) - case when :share = 1 and :type = 'flow' then coalesce((
    select sum(c.cap_micros) from jobs c where c.parent_job_id = p.id and c.finished_at is null and c.type = 'flow'
  ), 0) else 0 end) as micros from parent p
), child as (
  insert into jobs (id, project_id, skillpack_id, deployment_id, deployment_version, skill_name, type, model, prompt,
                    parent_job_id, status, inputs, lane, priority, source, metadata, limits, cap_micros,
                    forgivable_micros, event_seq, submitted_by, api_key_id, request_id, traceparent, created_at,
                    listing_id, listing, listing_version, publisher_id, approval, started_by_agent,
                    environment)
  select :id, p.project_id, :skillpack_id, cast(:deployment_id as uuid), cast(:version as int), :skill_name, :type,
         cast(:model as text), cast(:prompt as text), p.id, 'queued', cast(:inputs as json), p.lane, p.priority,
         'subagent', cast(:metadata as jsonb), '{}', least(:cap_micros, case when :share > 1 or :type = 'flow' then shared.micros end),
         p.forgivable_micros, 1, cast(:who as text), p.api_key_id, p.request_id, p.traceparent, clock_timestamp(),
         p.listing_id, p.listing, p.listing_version, p.publisher_id, :approval,
         p.started_by_agent or p.source = :agent_source, p.environment
  from parent p, shared
  on conflict (id) do nothing
  returning id, created_at
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select id, 1, created_at, 'queued', cast(:event as jsonb) from child
), caller as (
  update jobs p set event_seq = p.event_seq + 1 from child where p.id = :parent_id returning p.event_seq
), caller_event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select :parent_id, caller.event_seq, clock_timestamp(), 'subagent_start', cast(:start as jsonb) from caller
)
select p.lane, (select event_seq from caller) as event_seq from parent p

-- name: submit_step
-- Put the job of a step of a running flow into the queue, once for each id, and record it in the events of the flow. It
-- may cost its share of what is left of the cap of the flow, beyond what its other jobs may cost.
with parent as (
  select * from jobs where project_id = :project_id and id = :parent_id and attempt = :attempt and status = 'running'
  for update
), remaining as (
  select greatest(0, p.cap_micros - p.price_micros - p.used_micros - p.called_used_micros - coalesce((
    select sum(c.cap_micros) from jobs c where c.parent_job_id = p.id and c.finished_at is null
  ), 0)) as micros from parent p
), child as (
  insert into jobs (id, project_id, skillpack_id, deployment_id, deployment_version, skill_name, type, model, prompt,
                    parent_job_id, is_step, status, inputs, lane, priority, source, metadata, limits, cap_micros,
                    forgivable_micros, event_seq, submitted_by, api_key_id, request_id, traceparent, created_at,
                    listing_id, listing, listing_version, publisher_id, approval, started_by_agent,
                    environment)
  select :id, p.project_id, :skillpack_id, cast(:deployment_id as uuid), cast(:version as int), :skill_name, :type,
         cast(:model as text), cast(:prompt as text), p.id, true, 'queued', cast(:inputs as json), :lane, p.priority,
         'flow', cast(:metadata as jsonb), '{}', least(:cap_micros, greatest(least(1, remaining.micros), remaining.micros / :share)),
         p.forgivable_micros, 1, cast(:who as text), p.api_key_id, p.request_id, p.traceparent, clock_timestamp(),
         p.listing_id, p.listing, p.listing_version, p.publisher_id, :approval,
         p.started_by_agent or p.source = :agent_source, p.environment
  from parent p, remaining where :cap_micros = 0 or remaining.micros > 0
  on conflict (id) do nothing
  returning id, project_id, lane, priority, created_at, cap_micros
), queue_entry as (
  insert into job_queue (job_id, project_id, lane, priority, stamp, not_before, is_later, submitted_at, cap_micros)
  select id, project_id, lane, priority, null, cast(:not_before as timestamptz),
         coalesce(cast(:not_before as timestamptz) > now(), false), created_at, cap_micros
  from child
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select id, 1, created_at, 'queued', cast(:event as jsonb) from child
), caller as (
  update jobs p set event_seq = p.event_seq + 1 from child where p.id = :parent_id returning p.event_seq
), caller_event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select :parent_id, caller.event_seq, clock_timestamp(), 'subagent_start', cast(:start as jsonb) from caller
), slot as (
  update admissions a set parked = a.parked + 1 from child where a.project_id = child.project_id
)
select (select event_seq from caller) as event_seq, :cap_micros > 0 and remaining.micros = 0 as is_unpaid,
       exists (select from jobs c where c.parent_job_id = p.id and c.cap_micros > 0 and c.finished_at is null) as is_shared
from parent p, remaining
