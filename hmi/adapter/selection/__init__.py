"""From a payload to the events of streams. Pure: no rows, no sockets, no clock."""
