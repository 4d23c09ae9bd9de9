"""Export, delete and purge projects."""
