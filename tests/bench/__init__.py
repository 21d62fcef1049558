"""`make bench`: figures as ratios within one run, printed as tables and kept in var/bench/*.json."""
