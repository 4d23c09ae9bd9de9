"""Run code in sandboxes: zygotes, confinement, the protocol between worker and sandbox, and environments."""
