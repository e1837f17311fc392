"""What Feedmill costs beside the bare tools, measured side by side in one run: `python -m bench --help`."""
