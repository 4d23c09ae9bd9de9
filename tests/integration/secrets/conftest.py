"""The REST application and callers, as the tests of people and keys have them."""

from tests.integration.auth.conftest import app, client, instance, world

__all__ = ["app", "client", "instance", "world"]
