"""Fetches artifacts from a folder or a bucket, verifies them, and caches them on local disk."""
