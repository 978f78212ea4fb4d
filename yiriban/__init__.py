"""The installed name. The application itself lies beside this folder, or inside `_application/`."""
