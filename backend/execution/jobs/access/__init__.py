"""Check which jobs a principal may read, and which content a job that it submits may read."""
