"""Questions to solvers: what follows from premises, with evidence that can be checked."""
