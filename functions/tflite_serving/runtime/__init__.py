"""Runs a loaded model: interpreters, batches, length buckets, postprocessing."""
