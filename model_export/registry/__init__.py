"""What the operator does to a registry. The function only reads: nothing of this is deployed."""
