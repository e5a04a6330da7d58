"""Source text as syntax trees: which grammar, where things are, whether it parses."""
