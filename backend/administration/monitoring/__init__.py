"""Show operators the state of an instance: health, and metrics of all processes for Prometheus."""
