"""One file per intent, dated."""
