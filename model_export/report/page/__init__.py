"""Renders the report document as one HTML page."""
