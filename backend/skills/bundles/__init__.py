"""Bundles: the zip of a skillpack, read safely and checked without running anything."""
