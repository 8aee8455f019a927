"""What every request passes before it reaches a route, one small ASGI part each; `api.app.Service` has their order."""
