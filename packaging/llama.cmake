# Read by llama.cpp's own build right after its project() line. It leaves out the library `common`
# (options, chat templates, downloads): half of the compiling, and nothing in Python loads it.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "" FORCE)
