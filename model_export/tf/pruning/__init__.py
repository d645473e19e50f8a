"""Magnitude pruning for Keras 3: masks, fine-tuning, and the callback."""
