"""`puras`: the developer's command. Standard library only, on top of `puras.client`."""
