"""The Distributor: an MQTT 3.1.1 and 5.0 server, a process of its own without Django.

`packets`, `encode` and `properties` are the codec, `broker` and what it imports the server without
I/O or clock; `server` is the thin asyncio shell around them. Run it with
`python -m redundancy.distributor --config FILE`.
"""
