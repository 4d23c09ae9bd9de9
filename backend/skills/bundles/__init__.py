"""Read bundles, the archives of skillpacks.

Validate them without running their code, and build their manifests.
"""
