"""`python -m m2agent` is `m2agent`."""

from m2agent.cli import main

if __name__ == "__main__":
    main()
