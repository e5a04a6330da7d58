"""What a model gets to see for a cursor."""
