"""Exports that fail, stop or are reported."""
