"""Where artifacts come from: a folder or a bucket, verified, cached on local disk."""
