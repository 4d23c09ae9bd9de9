"""Guardrails of running jobs: redaction of what is recorded, and checks that are functions of the bundle."""
