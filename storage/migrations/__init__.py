"""The migrations: every schema that was ever in use leads to the present one. How to add one: docs/how-to/upgrade.md."""
