"""Projects with keys, as the tests of deployments have them."""

from tests.integration.deployments.conftest import make_project

__all__ = ["make_project"]
