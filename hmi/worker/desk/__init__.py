"""What the web process can ask of this node, over a Redis list: tags, the pair, the plant seen from here."""
