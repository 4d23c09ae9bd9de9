"""Apply guardrails to running jobs: redact recorded text, and run checks that are functions of the bundle."""
