"""Put the parts together and keep them running: `settings`, then `assembly`."""
