"""Hold what people write: bundles of skills, skillpacks, their deployments, guardrails, the model catalog."""
