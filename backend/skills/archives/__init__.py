"""Read and write the zip archives of bundles within limits of names and sizes."""
