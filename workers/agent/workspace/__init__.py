"""Give one agent a folder of its own, in which its commands, its Python tools and its files meet."""
