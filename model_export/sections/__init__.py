"""A recipe's sections: what each key means, its default, and what it may be."""
