"""Proxies, ports, certificates, raw connections."""
