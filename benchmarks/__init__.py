"""This project against its peers, in one run."""
