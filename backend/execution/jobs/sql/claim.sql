-- Statements that start an attempt of queued jobs. `../transitions.py` runs them.

-- name: claim_free
-- Start the next ready jobs of a lane in the order of fairness, up to the first one that may cost something.
with ready as (
  {next_ready}
), next as (
  select min(stamp) as paid_stamp from ready where cap_micros > 0 and true  -- stop at the first paid job
), {start_ready}
select {claimed_columns},
       false as is_limited, {key_ended} as key_ended
{claimed_rows}

-- name: claim
-- Start the next ready jobs of a lane in the order of fairness.
with ready as (
  {next_ready}
), next as (
  select min(stamp) as paid_stamp from ready where cap_micros > 0 and false  -- take paid jobs too
), {start_ready}
select {claimed_columns},
       {is_limited} as is_limited, {key_ended} as key_ended
{claimed_rows}

-- name: claim_quarantined
-- Start the job that the worker has promised to run alone, since several lost processes had run it.
with ready as (
  select q.job_id, q.stamp, q.cap_micros from job_queue q join wallets w on w.project_id = q.project_id
  where q.lane = :lane and q.stamp is not null and q.suspect and q.held_by = :worker_id
    and (q.cap_micros = 0 or w.balance_micros > w.reserved_micros)
  order by q.stamp limit :limit for update of q skip locked
), next as (
  select min(stamp) as paid_stamp from ready where cap_micros > 0 and false  -- take paid jobs too
), {start_ready}
select {claimed_columns},
       {is_limited} as is_limited, {key_ended} as key_ended
{claimed_rows}

-- part: next_ready
-- Take the ready jobs of a lane in the order of fairness, and lock them.
select q.job_id, q.stamp, q.cap_micros from job_queue q join wallets w on w.project_id = q.project_id
where q.lane = :lane and q.stamp is not null and not q.suspect
  and (q.cap_micros = 0 or w.balance_micros > w.reserved_micros)
order by q.stamp limit :limit for update of q skip locked

-- part: start_ready
-- Take the jobs of `ready` before `next.paid_stamp` out of the queue and start an attempt of each.
picked as (
  select job_id from ready where (select paid_stamp from next) is null or stamp < (select paid_stamp from next)
), taken as (
  delete from job_queue q using picked p where q.job_id = p.job_id
  returning q.job_id, q.stamp, greatest(q.submitted_at, q.not_before) as due_at
), clock as (
  select setval('fair_clock', greatest(max(stamp), (select last_value from fair_clock))) as at
  from taken having count(*) > 0
), started as (
  update jobs j
  set status = 'running', attempt = j.attempt + 1, continuations = j.continuations + j.is_continued::int,
      is_continued = false, worker_id = :worker_id, started_at = clock_timestamp(),
      first_started_at = coalesce(j.first_started_at, clock_timestamp()), event_seq = j.event_seq + 1
  from taken t where j.id = t.job_id and j.status = 'queued'
  returning {attempt_columns}, t.stamp, t.due_at
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select id, event_seq, clock_timestamp(), 'started',
         jsonb_build_object('attempt', attempt - continuations, 'worker', cast(:worker_id as text)) from started
)

-- part: attempt_columns
-- Columns of a job that its attempt needs.
id, attempt, continuations, project_id, skillpack_id, deployment_id, skill_name, type, inputs, limits,
            cap_micros, retries, event_seq, created_at, request_id, traceparent, model,
            prompt, parent_job_id, is_step, source, listing_id, listing, listing_version, publisher_id, price_micros,
            earning_micros, approval, api_key_id, input_versions, session_id, environment

-- part: claimed_columns
-- Return the started jobs with the facts of their projects.
s.*, p.number as project_number, (select at from clock) as clock, next.paid_stamp is not null as is_paid_next,
{secrets_stamp} as secrets_stamp

-- part: claimed_rows
-- Return one row without a job if none has started.
from next left join started s on true left join projects p on p.id = s.project_id
order by s.stamp

-- part: secrets_stamp
-- Return a text that changes whenever a secret of the project that owns the code of the started job `s` does.
(select count(*) || ' ' || coalesce(max(x.updated_at), 'epoch') from secrets x
where x.project_id = coalesce(s.publisher_id, s.project_id)) || (
select case when count(*) = 0 then '' else ' ' || count(*) || ' ' || max(x.updated_at) end from environment_secrets x
where x.project_id = coalesce(s.publisher_id, s.project_id))

-- part: key_ended
-- Return how the API key that submitted the started job `s` has ended; null if it has not.
(
  select case when k.revoked_at is not null then 'revoked' else 'expired' end from api_keys k
  where k.id = s.api_key_id and (k.revoked_at is not null or k.expires_at <= clock_timestamp())
)

-- name: claim_subjob
-- Start the next job that a running job has called, and lend it what is left of the caller's money.
with parent as (
  select id, reserved_micros - price_micros - used_micros - called_used_micros as left_micros from jobs
  where id = :parent_id and status = 'running' and worker_id = :worker_id for update
), child as (
  select c.id, least(c.cap_micros, greatest(0, p.left_micros)) as amount
  from jobs c join parent p on c.parent_job_id = p.id
  where c.status = 'queued' and not c.is_step
    and (c.cap_micros = 0 or p.left_micros > 0 or not exists (
      select from jobs s where s.parent_job_id = p.id and s.status = 'running'
    ))
  order by c.created_at, c.id limit 1 for update of c
), lent as (
  update jobs p set reserved_micros = p.reserved_micros - child.amount
  from child where p.id = :parent_id and child.amount > 0 returning 1
), started as (
  update jobs j
  set status = 'running', attempt = j.attempt + 1, continuations = j.continuations + j.is_continued::int,
      is_continued = false, worker_id = :worker_id, started_at = clock_timestamp(),
      first_started_at = coalesce(j.first_started_at, clock_timestamp()), event_seq = j.event_seq + 1, reserved_micros = child.amount
  from child where j.id = child.id and (select count(*) from lent) >= 0
  returning j.*
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select id, event_seq, clock_timestamp(), 'started',
         jsonb_build_object('attempt', attempt - continuations, 'worker', cast(:worker_id as text)) from started
)
select s.*, p.number as project_number, 0 as stamp, s.created_at as due_at,
       {secrets_stamp} as secrets_stamp,
       {is_limited} as is_limited
from started s join projects p on p.id = s.project_id
