"""The platform on one machine without containers: real stores from packages, and the processes around them."""
