"""The storage that the settings name."""

from __future__ import annotations

from backend.config import Settings
from backend.storage import Storage
from backend.storage.local import LocalStorage


def chosen(settings: Settings) -> Storage:
    """A storage in the Supabase project that is given, else in the home; whoever calls closes it."""
    if settings.supabase_url is None or settings.supabase_service_key is None:
        return LocalStorage(settings.home / "storage")
    # Here, and not above: its client takes 50 MB and a second to load, which nobody else shall pay.
    from backend.storage.supabase.storage import Buckets, SupabaseStorage

    return SupabaseStorage(
        settings.supabase_url,
        settings.supabase_service_key,
        Buckets(settings.supabase_bundles_bucket, settings.supabase_drive_bucket),
        incoming=settings.home / "storage" / "incoming",
    )
