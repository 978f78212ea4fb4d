"""One module per channel; each sends one message and returns what became of it."""
