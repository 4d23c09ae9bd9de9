"""Store the metrics of each process in the database, and add up those of all processes."""
