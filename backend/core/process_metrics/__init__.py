"""Store what each process has counted in the database, and add up what all of them have."""
