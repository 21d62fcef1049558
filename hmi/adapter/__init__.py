"""The adapter: components that read from MQTT servers of others.

Its rooms, each of which knows only those below it:

    api             the addresses under /api/v1: who may come in, what is answered, the description of it
    discovery       looking at what is on a component's servers
    configuration   all components together: drafts, judged and put in force; rows; what the sessions are told
    selection       from a payload to the events of streams; pure
    secrets         protected values, and the node's certificates
    facets          what one facet may hold and what the verbs do to it; pure

The sessions are in `redundancy.adapter`, the tags and the logs in `hmi.worker.adapter`, the pages in
`hmi.pages.component*`.
"""
