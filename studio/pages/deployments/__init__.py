"""`/p/{project}/deployments`: the versions of a skillpack: which one is active, what each changed, what runs on it."""

from __future__ import annotations

from studio.pages.deployments.page import page
from studio.pages.deployments.versions import Deployments

__all__ = ["Deployments", "page"]
