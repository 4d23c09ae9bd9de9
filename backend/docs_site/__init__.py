"""The documentation of this instance: the pages of `docs/`, for the studio, for agents and for users."""
