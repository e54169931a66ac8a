"""`python -m collab_stack` is the same program as `collab-stack`."""

from collab_stack.cli.main import main

if __name__ == "__main__":
    main()
