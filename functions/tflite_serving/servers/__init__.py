"""Shells between a server and the service: ASGI, WSGI, and the uvicorn protocol."""
