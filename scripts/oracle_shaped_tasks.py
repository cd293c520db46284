"""The oracle's families of tasks on images and curves, and those that are fine-tuned."""

from __future__ import annotations

from functools import partial

from benchmark_tasks import CLASSES, SQUARES, momentum, nesterov
from oracle_data_images import (
    SIDE,
    blobs,
    covered_digits,
    digit_images,
    digit_pixels,
    digit_views,
    few_digits,
    noisy_digits,
    noisy_shapes,
    noisy_waves,
    shape_pixels,
    shape_views,
    shapes,
    stripes,
    wave_views,
    waves,
)
from oracle_data_sequences import markov_text
from oracle_data_tables import friedman
from oracle_fine_tuning import fine_tuned
from oracle_networks import (
    ConvolutionalResidual,
    FilterStack,
    InfoNCE,
    Residual,
    convolutional,
    dense,
    two_views,
)
from oracle_plain_tasks import lamb, lion
from oracle_sequence_networks import Attention
from oracle_task import SHORT, OracleTask
from schedulefree import AdamWScheduleFree, SGDScheduleFree
from torch.optim import SGD, Adam, AdamW, Muon, RMSprop

PIXELS = SIDE**2

DIGITS = {
    "digits softmax, SGD": OracleTask(digit_images, partial(dense, 64, 10), SGD, CLASSES, 32),
    "digits mlp batch norm, momentum": OracleTask(
        digit_images, partial(dense, 64, 128, 64, 10, norm="batch"), momentum, CLASSES, 32
    ),
    "digits cnn, Adam": OracleTask(
        digit_images, partial(convolutional, 8, 10, channels=(12, 24)), Adam, CLASSES, 32, SHORT
    ),
    "digits wide mlp, Muon": OracleTask(
        digit_images, partial(dense, 64, 96, 10, bias=False), Muon, CLASSES, 128
    ),
    "digits mlp in large batches, AdamW": OracleTask(
        digit_images, partial(dense, 64, 48, 10), AdamW, CLASSES, 512, SHORT
    ),
    "few digits mlp, LAMB": OracleTask(
        partial(few_digits, 300), partial(dense, 64, 64, 10, norm="batch"), lamb, CLASSES, 32
    ),
}
GENERATED_IMAGES = {
    "stripes cnn batch norm, Nesterov": OracleTask(
        partial(stripes, 1200, 1.0), partial(convolutional, SIDE, 6, norm="batch"), nesterov,
        CLASSES, 16,
    ),
    "shapes cnn, Adam": OracleTask(
        partial(shapes, 1600, 0.4), partial(convolutional, SIDE, 4), Adam, CLASSES, 32, SHORT
    ),
    "blobs residual cnn group norm, Lion": OracleTask(
        partial(blobs, 1600, 0.1), partial(ConvolutionalResidual, 5, norm="group"), lion, CLASSES,
        16, SHORT,
    ),
    "blobs cnn, SGD": OracleTask(
        partial(blobs, 1600, 0.2), partial(convolutional, SIDE, 5, channels=(6, 12)), SGD, CLASSES,
        64, SHORT,
    ),
    "few stripes mlp, schedule-free SGD": OracleTask(
        partial(stripes, 300, 0.5), partial(dense, PIXELS, 32, 6), SGDScheduleFree, CLASSES, 16
    ),
}  # fmt: skip
AUTOENCODERS = {
    "digits autoencoder, AdamW": OracleTask(
        digit_pixels, partial(dense, 64, 48, 8, 48, 64), AdamW, SQUARES, 32
    ),
    "digits linear autoencoder, momentum": OracleTask(
        digit_pixels, partial(dense, 64, 8, 64), momentum, SQUARES, 128
    ),
    "shapes autoencoder layer norm, Muon": OracleTask(
        partial(shape_pixels, 1500),
        partial(dense, PIXELS, 48, 12, 48, PIXELS, norm="layer", bias=False),
        Muon,
        SQUARES,
        64,
    ),
    "waves autoencoder, schedule-free AdamW": OracleTask(
        partial(waves, 600), partial(dense, 32, 48, 6, 48, 32), AdamWScheduleFree, SQUARES, 16
    ),
}
DENOISING = {
    "noisy digits mlp, Adam": OracleTask(
        partial(noisy_digits, 0.4), partial(dense, 64, 64, 64), Adam, SQUARES, 64
    ),
    "noisy shapes cnn, RMSprop": OracleTask(
        partial(noisy_shapes, 800, 0.3), partial(FilterStack, 6), RMSprop, SQUARES, 16, SHORT
    ),
    "noisy waves mlp, momentum": OracleTask(
        partial(noisy_waves, 1500, 0.5), partial(dense, 32, 64, 32), momentum, SQUARES, 8
    ),
    "covered digits residual, LAMB": OracleTask(
        covered_digits,
        partial(Residual, 64, 48, 64, blocks=2, norm="layer"),
        lamb,
        SQUARES,
        128,
        SHORT,
    ),
}
CONTRASTIVE = {
    "digit views mlp, LAMB": OracleTask(
        partial(digit_views, 0.4),
        partial(two_views, dense, 64, 48, 16),
        lamb,
        InfoNCE(128),
        128,
    ),
    "digit views linear, SGD": OracleTask(
        partial(digit_views, 0.3), partial(two_views, dense, 64, 16), SGD, InfoNCE(64), 64
    ),
    "wave views mlp batch norm, schedule-free AdamW": OracleTask(
        partial(wave_views, 1500, 0.8),
        partial(two_views, dense, 32, 48, 12, norm="batch"),
        AdamWScheduleFree,
        InfoNCE(32),
        32,
    ),
    "shape views cnn, Nesterov": OracleTask(
        partial(shape_views, 800, 0.3),
        partial(two_views, convolutional, SIDE, 12, channels=(4, 8)),
        nesterov,
        InfoNCE(16),
        16,
        SHORT,
    ),
}
UPRIGHT, TEXT_BEFORE = partial(few_digits, 1000), partial(markov_text, 2000, 9, 8)
cnn, transformer = partial(convolutional, 8, 10), partial(Attention, 8, 9)
regressor = partial(dense, 10, 48, 48, 1)
FINE_TUNING = {
    "turned digits from a cnn, momentum": OracleTask(
        partial(few_digits, 600, turned=True),
        partial(fine_tuned, cnn, UPRIGHT, CLASSES, fresh="8."),
        momentum,
        CLASSES,
        16,
    ),
    "other friedman from an mlp, AdamW": OracleTask(
        partial(friedman, 1, 300, 0.2, shift=0.5),
        partial(fine_tuned, regressor, partial(friedman, 1, 2000, 0.2), SQUARES),
        AdamW,
        SQUARES,
        16,
    ),
    "other text from attention, Adam": OracleTask(
        partial(markov_text, 500, 9, 8, strange=1.0),
        partial(fine_tuned, transformer, TEXT_BEFORE, CLASSES),
        Adam,
        CLASSES,
        32,
        SHORT,
    ),
    "odd digits from a cnn, Lion": OracleTask(
        partial(few_digits, 400, parity=True),
        partial(fine_tuned, cnn, UPRIGHT, CLASSES, head=partial(convolutional, 8, 2), fresh="8."),
        lion,
        CLASSES,
        32,
    ),
}
