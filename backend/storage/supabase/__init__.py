"""The storage in two buckets of a Supabase project: one of bundles, one of drives."""
