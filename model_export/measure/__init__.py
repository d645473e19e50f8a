"""What candidates cost and answer, measured with the function's own code in fresh processes."""
