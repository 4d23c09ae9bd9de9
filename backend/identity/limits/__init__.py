"""Limits of projects: their ceilings, their quotas, and how much one caller may have open at once."""
