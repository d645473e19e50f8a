"""Builds the report document from the results of the export's steps."""
