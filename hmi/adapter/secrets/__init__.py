"""What must not be read by everybody: protected values, and the node's certificates with their keys."""
