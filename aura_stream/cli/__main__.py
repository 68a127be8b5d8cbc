"""`python -m aura_stream.cli`: the same as `aura-stream`, for processes that start their own kind."""

from aura_stream.cli.group import main

if __name__ == "__main__":
    main()
