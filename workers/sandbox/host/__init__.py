"""Start, feed, watch and end sandboxes, from the trusted side."""
