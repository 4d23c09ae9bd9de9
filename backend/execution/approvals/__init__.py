"""Manage approvals: requests for the permission to make one call of an agent, and the decisions of users."""
