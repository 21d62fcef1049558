"""What the two nodes of a pair tell each other for keeps, and how it gets across."""
