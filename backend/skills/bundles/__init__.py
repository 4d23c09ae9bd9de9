"""Bundles: the archive of a skillpack, checked without running anything, and its manifest."""
