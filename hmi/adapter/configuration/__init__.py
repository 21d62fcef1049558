"""All components and secrets together: how they are changed, kept, judged, and frozen for the sessions."""
