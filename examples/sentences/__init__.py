"""Texts: a classifier that begins with a TextVectorization."""
