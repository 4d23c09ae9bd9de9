"""Packages that skills ask for: read, fetched, built in a sandbox where they have no wheel, kept and shared."""
