"""The HTTP edge of whatever answers in the providers' protocols: the simulator, later the gateway.

``server`` listens (uvicorn, in a thread or not) and ``connection`` is how its connections behave; ``asgi`` is the
application: ``gate`` (whom it is for), ``routes`` (what is asked), ``intake`` (bodies, credentials), then the answerer
(``answers`` is the contract), then ``outlet``, ``delivery`` and ``pings`` (what goes out), while ``presence`` watches
whether the asker is still there.
"""
