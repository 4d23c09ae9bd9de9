"""Numbers about the instance, for Prometheus: counted in every process, summed where they are asked for."""
