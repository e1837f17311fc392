"""What an article's text says: entities and saga. Pure but for reading its own data files."""
