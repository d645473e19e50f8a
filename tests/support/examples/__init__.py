"""Examples and generated inputs."""
