"""Provide the administration of the instance for operators: workers, queue, health, users and projects."""
