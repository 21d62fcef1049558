"""The worker process: the runtime, what it reports made into tags, answers to the web's questions.

wiring          the composition root: identity and rows in, a running node out
bootstep        the runtime's thread in a Celery worker (celery.py)
configuration   what the database says, read in one go
reports         where the runtime reports; dealt out to those who keep the tags
desk/           what the web process can ask
publisher       changes of watched tags and the node's own state, into Redis
adapter/        components: sessions, tags, logs, discoveries
providers/      the live image and the tag providers that fill it
"""
