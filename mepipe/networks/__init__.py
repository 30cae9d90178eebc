"""mepipe.networks."""
