"""Instances for the tests of the operator commands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import home_template
from benchmarks.instance import free_port
from tests.integration.operations.instances import Up, new_up


@pytest.fixture
def up() -> Iterator[Up]:
    """Return an instance that has not been started."""
    with new_up() as instance:
        yield instance


@pytest.fixture(scope="module")
def running() -> Iterator[Up]:
    """Start an instance for all tests of a file; each test leaves it ready."""
    with new_up() as instance:
        instance.settings = {"PURAS_WORKER_HEALTH_PORT": str(free_port()), "PURAS_DRAIN_S": "60"}
        home_template.fill(instance.home, instance.environment)
        instance.start()
        instance.wait_ready()
        yield instance
