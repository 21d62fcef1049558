"""Edge nodes that others wrote, on a running plant, through every kind of changeover."""
