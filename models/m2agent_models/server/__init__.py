"""The back end `server:URL`: a model that a llama-server, vLLM or SGLang serves.

server:http://127.0.0.1:8080
server:gpu-box:8000
"""

from m2agent_models.server.probe import Server

__all__ = ["Server"]
