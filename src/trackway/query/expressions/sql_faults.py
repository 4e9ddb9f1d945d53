"""SQL that finds operands of `and` and `or` that are no booleans in a row."""

from trackway.query.expressions.sql_parts import Parts, bounded, element
from trackway.query.expressions.tree import TRUTH, Junction, Node, Quantifier
from trackway.query.expressions.values import Kind


def first_fault(parts: Parts, node: Node) -> str:
    """SQL of the first position of all, 0 if all are booleans."""
    sql = ", ".join(f"{sql}, {position}" for position, sql in sorted(_faults(parts, node)))
    return bounded(f"multiIf({sql}, 0)", node)


def _faults(parts: Parts, node: Node) -> list[tuple[int, str]]:
    """Positions of operands that may be no booleans, each with SQL that is true in a row where it is none."""
    if isinstance(node, Quantifier):
        inside = [(position, _exists(parts, node, sql)) for position, sql in _faults(parts, node.condition)]
        return _faults(parts, node.list) + inside
    found = [fault for operand in node.operands for fault in _faults(parts, operand)]
    if isinstance(node, Junction):
        others = ((part, [kind for kind in Kind if part.can(kind) and kind not in TRUTH]) for part in node.parts)
        found += [(part.position, parts.is_one_of(part, kinds)) for part, kinds in others if kinds]
    return found


def _exists(parts: Parts, node: Quantifier, sql: str) -> str:
    """Whether `sql` is true for an element of the list."""
    return f"arrayExists({element(node.number)} -> {parts.within(sql, node)}, {parts.elements(node.list)})"
