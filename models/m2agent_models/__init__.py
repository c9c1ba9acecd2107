"""Back ends, MiniMax-M2's format, and the engine that runs llama.cpp."""
