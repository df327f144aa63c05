"""The commands of the command line, one a file: `add_arguments(parser)` and `run(arguments) -> exit status`."""
