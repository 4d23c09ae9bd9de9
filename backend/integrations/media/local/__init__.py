"""Media that are generated on this host: without downloads, without an API key, and at no cost."""
