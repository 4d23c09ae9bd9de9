"""Jobs that a running job starts: what it may call, and which calls need an approval."""
