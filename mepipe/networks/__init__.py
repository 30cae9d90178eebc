"""Models on features: the SPP network, baselines, and the user's own, each by name.

`mepipe.networks.registry.build` makes a model; `mepipe.networks.registry.MODELS` lists
them. This package imports torch and scikit-learn only where a model needs them.
"""
