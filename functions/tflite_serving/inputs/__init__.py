"""Converts request values to tensors, one module per input kind."""
