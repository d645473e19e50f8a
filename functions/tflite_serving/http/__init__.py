"""HTTP requests, responses and routes, independent of any web framework."""
