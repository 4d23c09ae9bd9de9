"""Run a job by the kind of its skill: a function, an agent, the kernel of a notebook."""
