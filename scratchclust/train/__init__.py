"""How the networks learn: losses, optimisers, the training loop, and its checkpoints."""
