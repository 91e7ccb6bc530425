"""Token ids in one memory-mapped array, and the batches built from them."""
