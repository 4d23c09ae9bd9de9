"""Manage limits of projects: ceilings, quotas, and concurrent requests of one caller."""
