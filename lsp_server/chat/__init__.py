"""Chat about code: conversations, what they refer to, and the code in their answers."""
