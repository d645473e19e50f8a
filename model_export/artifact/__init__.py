"""Writes the files of a model version, and records their provenance."""
