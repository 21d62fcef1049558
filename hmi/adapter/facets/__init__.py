"""What one facet may hold, what its properties may be written as, and what the verbs do to it. Pure."""
