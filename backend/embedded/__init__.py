"""PostgreSQL and Valkey from wheels, when no URL is given."""
