"""m2agent finishes long office work by itself, on a person's own machine."""
