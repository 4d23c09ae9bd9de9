"""Events: the append-only facts about a job, and the readings of them."""
