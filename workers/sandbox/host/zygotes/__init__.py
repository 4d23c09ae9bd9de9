"""Start zygotes and assign their children to jobs."""
