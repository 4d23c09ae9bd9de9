"""Manage the marketplace, in which projects offer skills to each other, at a price per run."""
