"""The storage in two buckets of a Supabase project: one for bundles, one for drives."""
