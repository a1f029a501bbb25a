"""`python -m monitor.cli`: the command line where the script of the package is not on the path."""

from monitor.cli import main

main()
