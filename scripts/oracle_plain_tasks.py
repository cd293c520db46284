"""The oracle's families of tasks on tables, ratings and known curvature."""

from __future__ import annotations

from functools import partial

from benchmark_tasks import CLASSES, SQUARES, diabetes, momentum, nesterov
from oracle_data_images import SIDE, digit_images, shapes
from oracle_data_tables import (
    classes,
    clicks,
    friedman,
    iris,
    linear_teacher,
    petals,
    polynomial,
    quadratic,
    ratings,
    sparse,
    spirals,
    teacher,
)
from oracle_networks import (
    Factors,
    NeuralFactors,
    Residual,
    deep,
    deep_convolutional,
    deep_linear,
    dense,
)
from oracle_task import SHORT, OracleTask
from pytorch_optimizer import Lamb, Lion
from schedulefree import AdamWScheduleFree, SGDScheduleFree
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Muon, NAdam, RMSprop

CLICKS = nn.BCEWithLogitsLoss()
lion = partial(Lion, weight_decay=0.1)
lamb = partial(Lamb, weight_decay=0.01)

RATED = 80, 60
"""People, and the things that they rate or click on."""
rated, clicked = partial(ratings, *RATED), partial(clicks, *RATED)
factors = partial(Factors, *RATED)
biased_factors = partial(factors, biases=True)

REGRESSION_TABLES = {
    "petals linear, Adagrad": OracleTask(petals, partial(dense, 3, 1), Adagrad, SQUARES, 8),
    "diabetes mlp, RMSprop": OracleTask(
        diabetes, partial(dense, 10, 32, 16, 1), RMSprop, SQUARES, 16
    ),
    "diabetes linear, Nesterov": OracleTask(diabetes, partial(dense, 10, 1), nesterov, SQUARES, 64),
    "friedman 1 mlp, Nesterov": OracleTask(
        partial(friedman, 1, 2000, 0.2), partial(dense, 10, 128, 64, 1), nesterov, SQUARES, 32
    ),
    "friedman 2 mlp, Lion": OracleTask(
        partial(friedman, 2, 400, 0.1), partial(dense, 4, 48, 48, 1), lion, SQUARES, 64
    ),
    "friedman 3 wide mlp, NAdam": OracleTask(
        partial(friedman, 3, 3000, 0.1), partial(dense, 4, 200, 1), NAdam, SQUARES, 128
    ),
    "polynomial mlp layer norm, schedule-free AdamW": OracleTask(
        partial(polynomial, 1500, 0.1),
        partial(dense, 8, 96, 96, 1, norm="layer"),
        AdamWScheduleFree,
        SQUARES,
        32,
    ),
}
CLASSIFICATION_TABLES = {
    "iris mlp, Adam": OracleTask(iris, partial(dense, 4, 16, 3), Adam, CLASSES, 8),
    "noisy labels mlp, SGD": OracleTask(
        partial(classes, 2000, 20, 2, wrong=0.4), partial(dense, 20, 128, 64, 2), SGD, CLASSES, 16
    ),
    "sparse features linear, Adagrad": OracleTask(
        partial(sparse, 2500, 300, 0.05), partial(dense, 300, 2), Adagrad, CLASSES, 256
    ),
    "spirals mlp tanh, RMSprop": OracleTask(
        partial(spirals, 800, 0.05),
        partial(dense, 2, 32, 32, 2, activation=nn.Tanh),
        RMSprop,
        CLASSES,
        64
    ),
    "rare classes mlp batch norm, AdamW": OracleTask(
        partial(classes, 6000, 16, 5, first=3.0),
        partial(dense, 16, 64, 5, norm="batch"),
        AdamW,
        CLASSES,
        512,
        SHORT,
    ),
    "few noisy labels wide mlp, schedule-free SGD": OracleTask(
        partial(classes, 300, 20, 4, wrong=0.2), partial(dense, 20, 128, 4), SGDScheduleFree,
        CLASSES, 16
    ),
}  # fmt: skip
RECOMMENDERS = {
    "ratings factors, Adagrad": OracleTask(
        partial(rated, 1.0, 0.3), partial(factors, 6), Adagrad, SQUARES, 64
    ),
    "ratings biased factors, SGD": OracleTask(
        partial(rated, 0.5, 0.3), partial(biased_factors, 4), SGD, SQUARES, 512
    ),
    "clicks biased factors, Adam": OracleTask(
        partial(clicked, 1.0), partial(biased_factors, 6), Adam, CLICKS, 256
    ),
    "few ratings biased factors, NAdam": OracleTask(
        partial(rated, 0.3, 0.3), partial(biased_factors, 4), NAdam, SQUARES, 32
    ),
    "clicks factors, Muon": OracleTask(
        partial(clicked, 0.7), partial(factors, 8), Muon, CLICKS, 64
    ),
    "ratings neural factors, Adam": OracleTask(
        partial(rated, 0.7, 0.3), partial(NeuralFactors, *RATED, 8), Adam, SQUARES, 32
    ),
}
KNOWN_CURVATURE = {
    "condition 10, SGD": OracleTask(
        partial(quadratic, 1000, 20, 10, 0.3), partial(dense, 20, 1), SGD, SQUARES, 32
    ),
    "condition 1000, momentum": OracleTask(
        partial(quadratic, 1000, 20, 1000, 0.1), partial(dense, 20, 1), momentum, SQUARES, 64
    ),
    "power law, Adam": OracleTask(
        partial(quadratic, 2000, 50, 100, 0.3, power_law=True),
        partial(dense, 50, 1),
        Adam,
        SQUARES,
        16,
    ),
    "condition 100 without noise, Nesterov": OracleTask(
        partial(quadratic, 4000, 30, 100, 0.0), partial(dense, 30, 1), nesterov, SQUARES, 512
    ),
    "power law without noise, schedule-free SGD": OracleTask(
        partial(quadratic, 1000, 50, 100, 0.0, power_law=True),
        partial(dense, 50, 1),
        SGDScheduleFree,
        SQUARES,
        32,
    ),
}
TEACHER_STUDENT = {
    "two-layer student, SGD": OracleTask(
        partial(teacher, 2000, 20, 4, 0.1), partial(dense, 20, 8, 1), SGD, SQUARES, 32
    ),
    "wide student, Muon": OracleTask(
        partial(teacher, 1000, 20, 8, 0.3),
        partial(dense, 20, 128, 1, bias=False),
        Muon,
        SQUARES,
        64,
    ),
    "deep linear student, momentum": OracleTask(
        partial(linear_teacher, 2000, 16, 8, 4, 0.1),
        partial(deep_linear, 16, 16, 8),
        momentum,
        SQUARES,
        128,
    ),
    "narrow student, Lion": OracleTask(
        partial(teacher, 3000, 30, 16, 0.1), partial(dense, 30, 4, 1), lion, SQUARES, 8
    ),
}
DEEP_PLAIN = {
    "8 layers digits, momentum": OracleTask(
        digit_images, partial(deep, 64, 64, 10), momentum, CLASSES, 32
    ),
    "8 narrow layers friedman, SGD": OracleTask(
        partial(friedman, 1, 2000, 0.2), partial(deep, 10, 16, 1), SGD, SQUARES, 32
    ),
    "8 layers tanh classes, Adam": OracleTask(
        partial(classes, 2000, 20, 4), partial(deep, 20, 32, 4, activation=nn.Tanh), Adam, CLASSES,
        64
    ),
    "8 layers digits, RMSprop": OracleTask(
        digit_images, partial(deep, 64, 32, 10), RMSprop, CLASSES, 128
    ),
    "8 layers polynomial, Nesterov": OracleTask(
        partial(polynomial, 1500, 0.1), partial(deep, 8, 64, 1), nesterov, SQUARES, 16
    ),
    "8 layers convolutional shapes, NAdam": OracleTask(
        partial(shapes, 1600, 0.3), partial(deep_convolutional, SIDE, 4, channels=6), NAdam,
        CLASSES, 16, SHORT,
    ),
}  # fmt: skip
RESIDUAL = {
    "residual layer norm digits, AdamW": OracleTask(
        digit_images,
        partial(Residual, 64, 48, 10, blocks=3, norm="layer"),
        AdamW,
        CLASSES,
        64,
    ),
    "residual without norm friedman, SGD": OracleTask(
        partial(friedman, 1, 1500, 0.3), partial(Residual, 10, 48, 1, blocks=4), SGD, SQUARES, 32
    ),
    "residual batch norm classes, LAMB": OracleTask(
        partial(classes, 4000, 20, 6),
        partial(Residual, 20, 24, 6, blocks=2, norm="batch"),
        lamb,
        CLASSES,
        256,
        SHORT,
    ),
    "residual layer norm polynomial, NAdam": OracleTask(
        partial(polynomial, 800, 0.3),
        partial(Residual, 8, 64, 1, blocks=2, norm="layer"),
        NAdam,
        SQUARES,
        16,
    ),
}
