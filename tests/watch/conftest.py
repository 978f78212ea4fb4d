"""The desk of the command line's tests, for the commands of this folder."""

from tests.commands.conftest import desk, empty, reported

__all__ = ["desk", "empty", "reported"]
