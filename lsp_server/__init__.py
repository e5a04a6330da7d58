"""The language server, and the `fimbria` command around it. Never imports torch."""

__version__ = "0.1.0"
