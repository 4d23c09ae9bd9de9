"""Start, supervise and end sandboxes, from the trusted side."""
