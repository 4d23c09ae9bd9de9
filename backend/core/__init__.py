"""Parts without business meaning: imports nothing of the backend but itself."""
