"""Share a job by a link: everyone who has it reads status, spans and result of the job until it expires."""
