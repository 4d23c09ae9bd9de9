"""Jobs: one run of one skill of one deployment. The heart.

A transaction that holds rows of several tables takes them in this order, so that two never wait for each other:

1. the job's place in the queue (`job_queue`); who looks for any place skips those that are locked;
2. jobs, callers before those that they have called; several in the order of `created_at` and `id`;
3. wallets, several in the order of their projects;
4. windows (`admissions`), several in the order of their projects.
"""
