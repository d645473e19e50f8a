"""Images sent as PNG: Fashion-MNIST."""
