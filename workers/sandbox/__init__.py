"""The sandbox: warm parents, confinement, the wire to them, and environments."""
