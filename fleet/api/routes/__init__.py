"""The HTTP routes, one file a subject; what they answer comes from the backend."""
