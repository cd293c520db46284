"""All tasks of the oracle, by family, and the families that are locked.

A locked family is for the end: nothing is chosen by it.
"""

from __future__ import annotations

import random

from oracle_plain_tasks import (
    CLASSIFICATION_TABLES,
    DEEP_PLAIN,
    KNOWN_CURVATURE,
    RECOMMENDERS,
    REGRESSION_TABLES,
    RESIDUAL,
    TEACHER_STUDENT,
)
from oracle_sequence_tasks import FORECASTING, MEMORY, TEXT
from oracle_shaped_tasks import (
    AUTOENCODERS,
    CONTRASTIVE,
    DENOISING,
    DIGITS,
    FINE_TUNING,
    GENERATED_IMAGES,
)
from oracle_task import OracleTask

FAMILIES: dict[str, dict[str, OracleTask]] = {
    "autoencoders": AUTOENCODERS,
    "classification tables": CLASSIFICATION_TABLES,
    "contrastive": CONTRASTIVE,
    "deep plain nets": DEEP_PLAIN,
    "denoising": DENOISING,
    "digits": DIGITS,
    "fine-tuning": FINE_TUNING,
    "forecasting": FORECASTING,
    "generated images": GENERATED_IMAGES,
    "known curvature": KNOWN_CURVATURE,
    "memory": MEMORY,
    "recommenders": RECOMMENDERS,
    "regression tables": REGRESSION_TABLES,
    "residual nets": RESIDUAL,
    "teacher-student": TEACHER_STUDENT,
    "text": TEXT,
}
ORACLE_TASKS = {name: task for family in FAMILIES.values() for name, task in family.items()}
FAMILY_OF = {name: family for family, tasks in FAMILIES.items() for name in tasks}
LOCKED = frozenset(random.Random(20).sample(sorted(FAMILIES), len(FAMILIES) // 4))
"""A quarter of the families, drawn before any of them was trained."""
