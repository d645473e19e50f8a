"""Preprocessing that cannot be converted is found at a model's front, and cut off."""
