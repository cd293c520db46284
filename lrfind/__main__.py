"""`python -m lrfind`, the same as the command `lrfind`."""

from lrfind.cli import main

if __name__ == "__main__":
    main(prog_name="lrfind")
