-- Statements that end an attempt. `../transitions.py` runs them.

-- name: finish_without_webhooks
-- End a job and admit the next one of its project. Does nothing in a project that has webhooks: jobs of projects
-- without webhooks do not pay for the notification.
with ended as (
  update jobs set {result_columns}
  where id = :job_id and attempt = :attempt and status = 'running'
    and not exists (select from webhooks w where w.project_id = jobs.project_id)
  returning id, project_id, event_seq, skill_name, status, error_code, source, parent_job_id,
            session_id, metadata, {ended_row} as ended_row
), {admit_next}

-- name: finish
-- End a job, notify the webhooks of its project, and admit the next job of the project.
with ended as (
  update jobs set {result_columns}
  where id = :job_id and attempt = :attempt and status = 'running'
  returning id, project_id, event_seq, skill_name, status, error_code, source, parent_job_id,
            session_id, metadata, environment, {ended_row} as ended_row
), delivery as ({deliveries_of_ended}), {admit_next}

-- name: finish_subjob
-- End a job that another job has called: it has no place in the window of its project.
with ended as (
  update jobs set {result_columns}
  where id = :job_id and attempt = :attempt and status = 'running'
  returning id, project_id, event_seq
), event as (
  insert into job_events (job_id, seq, {event_columns})
  select ended.id, ended.event_seq - :count + e.n, {event_values} from ended, {event_rows}
)
select event_seq, cast(null as text) as next_lane, false as is_room_left, cast(null as text) as ended_row from ended

-- name: finish_step
-- End the job of a step of a flow, and admit the next job of the project. Webhooks are notified of the flow only.
with ended as (
  update jobs set {result_columns}
  where id = :job_id and attempt = :attempt and status = 'running'
  returning id, project_id, event_seq, {ended_row} as ended_row
), {admit_next}

-- part: result_columns
-- Store how the attempt has ended.
status = :status, result = cast(:result as json), outputs = cast(:outputs as jsonb), error = :error,
error_code = :error_code, error_signature = :error_signature, usage = usage || cast(:usage as jsonb), cost_micros = :cost_micros,
forgiven_micros = :forgiven_micros, reserved_micros = 0, event_seq = event_seq + :count,
eval_score = cast(:eval_score as int), eval_results = cast(:eval_results as jsonb),
finished_at = clock_timestamp()

-- part: admit_next
-- Append the last events of the ended job, and give its place in the window to the next pending job.
event as (
  insert into job_events (job_id, seq, {event_columns})
  select ended.id, ended.event_seq - :count + e.n, {event_values} from ended, {event_rows}
), first as (
  select q.job_id, q.cap_micros from job_queue q
  where q.project_id = (select project_id from ended) and q.stamp is null and not q.is_later
    and (q.not_before is null or q.not_before <= now())
    and exists (
      select from admissions a
      where a.project_id = (select project_id from ended) and a.admitted <= a.concurrency_limit
    )
  order by q.priority desc, q.submitted_at, q.job_id limit 1 for update skip locked
), next as (  -- a job that may cost something is admitted by a statement of its own
  select job_id from first where cap_micros = 0
), slot as (
  update admissions a
  set admitted = a.admitted - 1 + (select count(*) from next), parked = a.parked - (select count(*) from next),
      tail = case when exists (select from next) then {next_tail} else a.tail end
  from ended where a.project_id = ended.project_id
  returning a.tail - {tick} / a.weight as stamp,
            a.parked > 0 and a.admitted < a.concurrency_limit as is_room_left
), admitted as (
  update job_queue q set stamp = slot.stamp from next, slot where q.job_id = next.job_id returning q.lane
)
select ended.event_seq, (select lane from admitted) as next_lane, (select is_room_left from slot) as is_room_left,
       ended.ended_row
from ended
