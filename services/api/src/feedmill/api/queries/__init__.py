"""One module per question: SQL first, row type second, typed function last."""
