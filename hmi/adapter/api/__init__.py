"""The addresses of the adapter: views over the other rooms, the door before them, and their description."""
