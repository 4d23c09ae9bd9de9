"""The assistant of the studio: an agent that changes a copy of a draft and proposes the changes."""
