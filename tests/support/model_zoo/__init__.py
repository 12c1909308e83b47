"""Models as they lie on real disks: sound, broken, odd and hostile, each with the verdict it deserves."""

from __future__ import annotations

from tests.support.model_zoo.case import Case, Place
from tests.support.model_zoo.cases_health import HEALTH_CASES
from tests.support.model_zoo.cases_odd import ODD_CASES
from tests.support.model_zoo.cases_senses import SENSE_CASES
from tests.support.model_zoo.cases_text import FRAMEWORK_CASES, TEXT_CASES

ALL_CASES: tuple[Case, ...] = (*HEALTH_CASES, *FRAMEWORK_CASES, *TEXT_CASES, *SENSE_CASES, *ODD_CASES)

__all__ = ["ALL_CASES", "Case", "Place"]
