"""The fleet: worker processes, their beats, and what they run."""
