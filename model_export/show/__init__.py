"""How artifacts, and what is found out about them, look to people."""
