"""`python -m partimento`, for torchrun and for machines where the command is not on the path."""

from partimento.cli import main

main()
