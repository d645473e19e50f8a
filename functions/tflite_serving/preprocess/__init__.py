"""Computes the preprocessing layers of a Keras model exactly as Keras does, without Keras."""
