"""What the tests of the loop start from."""

import pytest
import torch
from makers import make_loader, make_model, trainable


@pytest.fixture
def parts():
    model = make_model()
    return model, torch.optim.SGD(trainable(model), lr=0.1), make_loader()
