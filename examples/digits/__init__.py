"""Handwritten digits: the smallest whole example."""
