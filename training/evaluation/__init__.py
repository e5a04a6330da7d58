"""What the model is worth: held-out losses and infilling tasks, beside their floors."""
