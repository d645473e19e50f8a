"""Measures candidates in fresh processes that run the function's own code."""
