"""Media that are made on this machine: nothing is downloaded, no key is needed, and it costs nothing."""
