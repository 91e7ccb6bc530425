"""Utilities without dependencies on the rest of the package: errors, files, retries, seeds ..."""
