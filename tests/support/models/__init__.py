"""Small models, and LiteRT past the code under test."""
