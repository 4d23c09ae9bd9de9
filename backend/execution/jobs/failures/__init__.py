"""Group failed jobs by the error that they have in common."""
