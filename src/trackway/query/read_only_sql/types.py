"""The types that a statement may convert to."""

from typing import Final

from sqlglot import exp

from trackway.query.read_only_sql.refusal import SqlRefused

_SIMPLE: Final = {
    exp.DType.BOOLEAN: "Bool",
    exp.DType.TEXT: "String",
    exp.DType.UTINYINT: "UInt8",
    exp.DType.USMALLINT: "UInt16",
    exp.DType.UINT: "UInt32",
    exp.DType.UBIGINT: "UInt64",
    exp.DType.TINYINT: "Int8",
    exp.DType.SMALLINT: "Int16",
    exp.DType.INT: "Int32",
    exp.DType.BIGINT: "Int64",
    exp.DType.FLOAT: "Float32",
    exp.DType.DOUBLE: "Float64",
    exp.DType.DATE: "Date",
    exp.DType.DATE32: "Date32",
    exp.DType.DATETIME: "DateTime",
    exp.DType.TIMESTAMP: "DateTime",
}
_WITH_NUMBERS: Final = {exp.DType.DATETIME64: ("DateTime64", 1), exp.DType.DECIMAL: ("Decimal", 2)}
_ALLOWED: Final = ", ".join([*dict.fromkeys(_SIMPLE.values()), "DateTime64(n)", "Decimal(p, s)", "Array(…)"])


def type_name(type: exp.Expr) -> str:
    """A type as the store writes it. Raises SqlRefused."""
    name = _name(type) if isinstance(type, exp.DataType) else None
    if name is None:
        raise SqlRefused(f"this type is not allowed; allowed are {_ALLOWED}, and Nullable(…) of them")
    return f"Nullable({name})" if type.args.get("nullable") else name


def _name(type: exp.DataType) -> str | None:
    kind, inner = type.this, type.expressions
    if kind in _SIMPLE and not inner:
        return _SIMPLE[kind]
    if kind in _WITH_NUMBERS:
        name, count = _WITH_NUMBERS[kind]
        numbers = [each.name for each in inner]
        if len(numbers) == count and all(number.isascii() and number.isdigit() for number in numbers):
            return f"{name}({', '.join(numbers)})"
    if kind is exp.DType.ARRAY and len(inner) == 1:
        return f"Array({type_name(inner[0])})"
    return None
