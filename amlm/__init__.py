"""Adaptive masked language modeling: a research framework around Edman & Fraser (2025)."""

__version__ = "0.3.0"
