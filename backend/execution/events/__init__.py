"""Store and read the events of jobs, which are append-only."""
