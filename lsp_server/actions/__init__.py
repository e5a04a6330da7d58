"""Code actions: what is offered, what a model is asked, and how its answer becomes an edit."""
