"""What the processes say to each other. Standard library only; runs on Python 3.10 and newer."""
