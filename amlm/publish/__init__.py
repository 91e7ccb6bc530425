"""From a run folder to models that others load: folders for plain `transformers`, and the Hub."""

LICENSE = "mit"  # of the weights, unless an export says another
