"""Reads and rewrites TensorFlow Lite flatbuffers, without TensorFlow."""
