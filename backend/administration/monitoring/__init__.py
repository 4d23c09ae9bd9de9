"""Show operators the state of an instance: health, metrics."""
