"""The problem to train: model, optimizer, loss and data in one record."""
