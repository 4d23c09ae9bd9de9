"""Create the storage that the settings configure."""

from __future__ import annotations

from backend.config import Settings
from backend.storage import Storage
from backend.storage.local import LocalStorage


def create_storage(settings: Settings) -> Storage:
    """Return a storage in the configured Supabase project, or else in the home folder; the caller must close it."""
    if settings.supabase_url is None or settings.supabase_service_key is None:
        return LocalStorage(settings.home / "storage")
    # Imported here, because the client takes 50 MB and a second to load, which other processes do not need.
    from backend.storage.supabase.storage import Buckets, SupabaseStorage

    return SupabaseStorage(
        settings.supabase_url,
        settings.supabase_service_key,
        Buckets(settings.supabase_bundles_bucket, settings.supabase_drive_bucket),
        incoming=settings.home / "storage" / "incoming",
    )
