"""The sources of `lean4-core`, Lean's core library as far as it is bundled; see its README."""
