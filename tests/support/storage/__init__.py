"""Registries, storage servers and what they do on a bad day."""
