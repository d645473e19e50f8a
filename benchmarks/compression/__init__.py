"""What our export makes of a model, against what TensorFlow Lite's converter makes of it."""
