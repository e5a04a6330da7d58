"""Train, evaluate and package the starter model: `python -m training --help`."""
