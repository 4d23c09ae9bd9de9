"""Build the environment variables of the processes of an instance."""

from __future__ import annotations

import os

from backend.config import Settings, settings
from backend.core import logs
from backend.embedded import Servers


def child_environment(settings: Settings, servers: Servers) -> dict[str, str]:
    """Return the environment of this process with the database URLs and the settings of this instance."""
    return instance_environment(settings) | {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
    }


def instance_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of this process with the settings of this instance, except the database URLs."""
    return os.environ | {
        "PURAS_HOME": str(settings.home.expanduser().resolve()),
        "PURAS_HOST": settings.host,
        "PURAS_PORT": str(settings.port),
        "PYTHONUNBUFFERED": "1",
    }


def configured() -> Settings:
    """Return the settings of this instance, after setting up logging."""
    options = settings()
    logs.configure(options.log_level, options.log_format)
    return options
