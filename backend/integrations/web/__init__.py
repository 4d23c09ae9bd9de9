"""The web as this instance itself reaches it for a job: by the rules of a sandbox's door, within bounds."""
