"""Comments of users on jobs: one thread per job, whose comments can name a step."""
