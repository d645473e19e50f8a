"""What a model's first layers did, computed the way Keras computes it, without Keras."""
