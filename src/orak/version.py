"""The version of orak. Nothing is imported here, so every module can read it."""

__version__ = "0.1.0"
