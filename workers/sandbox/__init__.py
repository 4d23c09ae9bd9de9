"""The sandbox: zygotes, confinement, the wire to them, and environments."""
