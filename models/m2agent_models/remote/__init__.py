"""The back end `remote:PROVIDER/MODEL`: a hosted model, through litellm.

remote:minimax/MiniMax-M2
remote:openrouter/minimax/minimax-m2
remote:ollama/qwen3
"""

from m2agent_models.remote.hosted import Remote

__all__ = ["Remote"]
