"""Segmentation expressions, the language of `where` (protocol §11): one grammar, and two ways to evaluate it.

`parse` makes a tree of a text. `condition` makes SQL of the tree, for the rows of the store; `evaluate` evaluates it
for one row at hand. The tests hold the two ways together.
"""

from trackway.query.expressions.grammar import parse
from trackway.query.expressions.interpreter import Row, evaluate, no_boolean
from trackway.query.expressions.rawjson import JsonColumn, MapColumn, readable
from trackway.query.expressions.scope import Column, Scope
from trackway.query.expressions.sql import condition, fault, of_kind
from trackway.query.expressions.tokens import ExpressionError
from trackway.query.expressions.tree import Node as Expression
from trackway.query.expressions.tree import user_properties
from trackway.query.expressions.values import UNDEFINED, Kind, Moment, Value, from_json

__all__ = [
    "UNDEFINED",
    "Column",
    "Expression",
    "ExpressionError",
    "JsonColumn",
    "Kind",
    "MapColumn",
    "Moment",
    "Row",
    "Scope",
    "Value",
    "condition",
    "evaluate",
    "fault",
    "from_json",
    "no_boolean",
    "of_kind",
    "parse",
    "readable",
    "user_properties",
]
