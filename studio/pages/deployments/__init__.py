"""The page `/p/{project}/deployments`: the versions of a skillpack, their changes and their running jobs."""

from __future__ import annotations

from studio.pages.deployments.environments import Environments
from studio.pages.deployments.page import page
from studio.pages.deployments.versions import Deployments
from studio.pages.deployments.views import Views

__all__ = ["Deployments", "Environments", "Views", "page"]
