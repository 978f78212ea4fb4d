"""One module per channel; each is a `engine.delivery.Notifier` and returns one `Outcome`."""
