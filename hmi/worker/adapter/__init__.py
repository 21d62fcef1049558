"""The adapter at work: rows made into sessions, what they take in made into tags, a log for each."""
