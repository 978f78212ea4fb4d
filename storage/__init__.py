"""Where matters live: tables, column types, and the store that the engine asks."""
