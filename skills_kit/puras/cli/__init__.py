"""The command `puras` for developers, on top of `puras.client`. It uses only the standard library."""
