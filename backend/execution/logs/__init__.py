"""Read the output and the log of a job, without its other events."""
