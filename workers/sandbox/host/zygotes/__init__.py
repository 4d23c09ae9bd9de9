"""Start zygotes and hand out their children."""
