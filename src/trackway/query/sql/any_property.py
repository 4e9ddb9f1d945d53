"""A search for a value in all properties of a JSON text, as SQL with a bound parameter."""


def has_value(text: str, readable: str, value: str) -> str:
    """Whether a property of the JSON object `text` is the text `value`, or another value whose JSON is `value`.

    text, readable: SQL of the same text, as it is stored and as the engine can read it; value: SQL of a string that is
    not empty. A search of the text saves most of the parsing: it contains the value as it is, unless it has escapes.
    """
    values = f"mapValues(JSONExtract({readable}, 'Map(String, String)'))"
    return f"((position({text}, {value}) > 0 OR position({text}, char(92)) > 0) AND has({values}, {value}))"
