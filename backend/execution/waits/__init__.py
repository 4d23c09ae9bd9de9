"""Let running jobs wait outside of workers for a time or for an event of their project, and receive events."""
