"""The kernels of notebooks in a worker process: each is held by the job that it is, until somebody or idleness ends it."""
