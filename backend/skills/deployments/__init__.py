"""Deployments: immutable, numbered bundles of a skillpack."""
