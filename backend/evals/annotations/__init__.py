"""Annotation queues: reviewers score and comment the results of jobs, and correct them for eval cases."""
