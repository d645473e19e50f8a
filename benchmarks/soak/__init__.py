"""Many requests of all kinds to one function: is every answer right, and does memory stay flat?"""
