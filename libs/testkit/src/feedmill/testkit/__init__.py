"""What Feedmill's tests share: builders, fakes, real parts, and a whole platform to break on purpose."""
