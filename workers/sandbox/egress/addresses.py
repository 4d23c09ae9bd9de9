"""Which addresses of the internet a job may be connected to: those that the instance itself would fetch from."""

from __future__ import annotations

from backend.public_addresses import is_own, is_public, obstacle_to

__all__ = ["is_own", "is_public", "obstacle_to"]
