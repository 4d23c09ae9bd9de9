"""Run the assistant of the studio: its copy of a draft, its tools, and its proposal."""
