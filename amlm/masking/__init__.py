"""Adaptive masking: which tokens to hide, and how that is learned. Tensors only, no Lightning."""
