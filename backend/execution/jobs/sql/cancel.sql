-- Statements that cancel jobs that do not run. `../transitions.py` runs them.

-- name: cancel_pending
-- Cancel a job that is queued or waits. A running job is cancelled by its worker, which finishes it.
with ended as (
  update jobs set status = 'cancelled', error = :error, error_code = 'cancelled', finished_at = clock_timestamp(),
                  cancel_requested_at = now(), event_seq = event_seq + 1
  where id = :job_id and status in ('queued', 'waiting')
  returning id, project_id, event_seq, skill_name, status, error_code, source, parent_job_id, is_step,
            session_id, metadata, environment
), delivery as ({deliveries_of_ended_roots}
), queue_entry as (
  delete from job_queue q using ended where q.job_id = ended.id returning q.stamp
), slot as (
  update admissions a set admitted = a.admitted - (select count(*) from queue_entry where stamp is not null),
                          parked = a.parked - (select count(*) from queue_entry where stamp is null)
  from ended where a.project_id = ended.project_id
), pending_approval as (
  update approvals p set status = 'cancelled', decided_at = clock_timestamp()
  from ended where p.job_id = ended.id and p.status = 'pending'
), wait as (
  delete from job_waits w using ended where w.job_id = ended.id and w.project_id = ended.project_id
), event as (
  insert into job_events (job_id, seq, {event_columns})
  select ended.id, ended.event_seq, {event_values} from ended, {event_rows}
)
select project_id, event_seq, parent_job_id, is_step from ended

-- name: cancel_all_pending
-- Cancel all jobs of a project that are queued or wait.
with ended as (
  update jobs set status = 'cancelled', error = :error, error_code = 'cancelled', finished_at = clock_timestamp(),
                  cancel_requested_at = now(), event_seq = event_seq + 1
  where project_id = :project_id and status in ('queued', 'waiting')
  returning id, project_id, event_seq, skill_name, status, error_code, source, parent_job_id,
            session_id, metadata, environment
), delivery as ({deliveries_of_ended_roots}
), queue_entry as (
  delete from job_queue q using ended where q.job_id = ended.id returning q.stamp
), slot as (
  update admissions set admitted = admitted - (select count(*) from queue_entry where stamp is not null),
                        parked = admissions.parked - (select count(*) from queue_entry where stamp is null)
  where project_id = :project_id
), pending_approval as (
  update approvals p set status = 'cancelled', decided_at = clock_timestamp()
  from ended where p.job_id = ended.id and p.status = 'pending'
), wait as (
  delete from job_waits w using ended where w.job_id = ended.id and w.project_id = ended.project_id
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select id, event_seq, clock_timestamp(), 'cancelled', jsonb_build_object('by', cast(:who as text)) from ended
)
select id, event_seq from ended
