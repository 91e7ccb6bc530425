"""Adaptive masking: which tokens to mask, and how that is learned. Tensors only, no Lightning."""
