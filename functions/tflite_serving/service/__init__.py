"""Handles a request: routes to handlers, admits, predicts, responds."""
