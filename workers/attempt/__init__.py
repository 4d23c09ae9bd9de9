"""Run one attempt of a job: prepare it, run it within its guardrails, validate and grade its result, store it."""
