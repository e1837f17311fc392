"""One module per group of paths; each gives a router made of `Parts`."""
