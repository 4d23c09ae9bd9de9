"""The processes that do the work. Read `supervisor` first."""
