"""What was said. Used by the gateway, and later by desk and studio."""
