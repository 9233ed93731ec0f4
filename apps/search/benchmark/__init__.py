"""How long a search takes, from the outside: a database of its own, a real web server, real requests."""
