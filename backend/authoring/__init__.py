"""Let people write skills: drafts in the studio, notebooks."""
