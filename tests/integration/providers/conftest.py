"""The REST application and its clients, as in the tests of users and keys."""

from tests.integration.auth.conftest import client, world

__all__ = ["client", "world"]
