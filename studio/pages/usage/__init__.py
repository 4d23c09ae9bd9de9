"""`/p/{project}/usage`: the balance, spend, budgets and transactions of the project."""

from studio.pages.usage.page import Usage, page

__all__ = ["Usage", "page"]
