"""`GET /openapi.json`: what this server takes and answers, as an OpenAPI 3.1 document.

Requests are read off the schemas that judge them; answers are described beside, and held to it by tests.
"""
