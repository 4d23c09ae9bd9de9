"""Hold what projects store: files on the drive, secrets, memories, and for how long."""
