"""The groups of settings; `backend.config` puts them together."""
