"""The requests of this instance to the web for a job, according to the rules of the gateway of a sandbox."""
