"""Files under deploy/ that are derived from the code: `python -m feedmill.cli.deployment` writes them anew."""
