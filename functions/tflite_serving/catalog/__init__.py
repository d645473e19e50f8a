"""The models that the function serves: loaded lazily, refreshed by alias."""
