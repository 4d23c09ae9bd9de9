"""Alert rules: conditions over the jobs of a project that send an event when they begin and when they end."""
