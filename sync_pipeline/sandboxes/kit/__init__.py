"""What every sandbox is built from: a server, faults, counters, a clock, a control API, a process. Knows no sandbox.

A sandbox is a ``tenants.Sandbox`` of its own ``Tenant`` and an ASGI application with ``control.control_routes``.
"""
