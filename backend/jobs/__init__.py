"""Jobs: one run of one skill of one deployment. The heart."""
