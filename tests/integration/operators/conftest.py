"""The REST application and callers, as the tests of people and keys have them."""

from tests.integration.auth.conftest import client, world

__all__ = ["client", "world"]
