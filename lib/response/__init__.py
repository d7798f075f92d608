"""Tumour response from lesion measurements: categories at each visit, over the whole course, and in groups."""

from lib.response.agreement import (
    READER_SOURCE,
    Agreement,
    agreement,
    agreement_matrix,
    discordance_bounds,
    reading_spread,
    worse_by,
)
from lib.response.course import best_overall_response, extrahepatic_progression, is_responder, month_3_response, visit_response
from lib.response.criteria import CATEGORIES, CRITERIA, MRECIST, RECIST, Criterion, ResponseError, assess
from lib.response.rates import RATES, category_counts, response_rates

__all__ = [
    "Agreement", "CATEGORIES", "CRITERIA", "Criterion", "MRECIST", "RATES", "READER_SOURCE", "RECIST",
    "ResponseError", "agreement", "agreement_matrix", "assess", "best_overall_response", "category_counts", "discordance_bounds",
    "extrahepatic_progression", "is_responder", "month_3_response", "reading_spread", "response_rates",
    "visit_response", "worse_by",
]
