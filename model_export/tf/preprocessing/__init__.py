"""Extracts preprocessing layers that cannot be converted from the front of a Keras model."""
