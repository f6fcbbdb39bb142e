"""The version of the package, where everything may import it from."""

VERSION = "0.1.0"
