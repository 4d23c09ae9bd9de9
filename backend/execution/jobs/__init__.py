"""Manage jobs: each is one execution of one skill of one deployment.

A transaction that locks rows of several tables locks them in this order, so that two transactions cannot deadlock:

1. the queue entry of the job (`job_queue`); searches for any entry skip those that are locked;
2. jobs, parents before their subjobs; several in the order of `created_at` and `id`;
3. wallets, several in the order of their projects;
4. windows (`admissions`), several in the order of their projects.
"""
