"""Manage the code of skills: bundles, skillpacks, deployments, guardrails and the model catalog."""
