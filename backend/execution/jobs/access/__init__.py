"""What a principal may read of jobs, and through a job that it submits."""
