"""A text classifier of KerasHub, trained from nothing."""
