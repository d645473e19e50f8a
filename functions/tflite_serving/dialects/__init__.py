"""Wire protocols: bytes to prediction request and back, one module each, pure functions."""
