"""mepipe.evaluation."""
