"""The function against its peers: same models, same machine, one run, in turns."""
