"""Segmentation expressions, the language of `where` (protocol §11): one grammar, and two ways to evaluate it.

`parse` turns a text into a tree. `condition` compiles the tree to SQL for the rows of the store. `evaluate` evaluates
it in Python for one row. Tests compare the two.
"""

from trackway.query.expressions.grammar import parse
from trackway.query.expressions.interpreter import Lookup, Row, evaluate, no_boolean
from trackway.query.expressions.rawjson import JsonColumn, MapColumn, is_raw, of_raw, raw_in, raw_in_readable, readable
from trackway.query.expressions.scope import Column, Scope
from trackway.query.expressions.sql import condition, fault, of_kind
from trackway.query.expressions.tokens import ExpressionError
from trackway.query.expressions.tree import Literal, Property, event_properties, user_properties
from trackway.query.expressions.tree import Node as Expression
from trackway.query.expressions.values import UNDEFINED, Kind, Moment, Value, from_json

__all__ = [
    "UNDEFINED",
    "Column",
    "Expression",
    "ExpressionError",
    "JsonColumn",
    "Kind",
    "Literal",
    "Lookup",
    "MapColumn",
    "Moment",
    "Property",
    "Row",
    "Scope",
    "Value",
    "condition",
    "evaluate",
    "event_properties",
    "fault",
    "from_json",
    "is_raw",
    "no_boolean",
    "of_kind",
    "of_raw",
    "parse",
    "raw_in",
    "raw_in_readable",
    "readable",
    "user_properties",
]
