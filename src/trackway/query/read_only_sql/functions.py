"""The functions that a statement may call: those that make a value of values, and nothing else.

A function is here because it reads no file, no other table, no setting and nothing of the machine, because its memory
grows with its arguments, and because the embedded engine has it, which lacks a third of ClickHouse's
(findings/functions-missing-in-the-small-engine.sh). Names are compared without case and written as here.
"""

from collections.abc import Iterator
from typing import Final

from trackway.query.read_only_sql.refusal import SqlRefused

_PLAIN: Final = """
abs sign exp exp2 exp10 log log2 log10 ln sqrt cbrt pow power sin cos tan asin acos atan atan2 pi e floor ceil ceiling
round roundBankers trunc roundDown greatest least negate plus minus multiply divide intDiv modulo positiveModulo bitAnd
bitOr bitXor bitNot bitCount isFinite isInfinite isNaN ifNotFinite equals notEquals less greater lessOrEquals
greaterOrEquals and or not xor if multiIf coalesce ifNull nullIf isNull isNotNull assumeNotNull toNullable isZeroOrNull
transform toString toUInt8 toUInt16 toUInt32 toUInt64 toInt8 toInt16 toInt32 toInt64 toFloat32 toFloat64 toBool
toUInt8OrNull toUInt16OrNull toUInt32OrNull toUInt64OrNull toInt8OrNull toInt16OrNull toInt32OrNull toInt64OrNull
toFloat32OrNull toFloat64OrNull toUInt8OrZero toUInt16OrZero toUInt32OrZero toUInt64OrZero toInt8OrZero toInt16OrZero
toInt32OrZero toInt64OrZero toFloat32OrZero toFloat64OrZero toDecimal32 toDecimal64 toTypeName toDate toDateOrNull
toDateOrZero toDate32 toDateTime toDateTimeOrNull toDateTimeOrZero toDateTime64 toDateTime64OrNull
parseDateTimeBestEffort parseDateTime64BestEffort toTimeZone timeZoneOffset now now64 today yesterday toYear toQuarter
toMonth toWeek toISOWeek toISOYear toYearWeek toDayOfYear toDayOfMonth toDayOfWeek toHour toMinute toSecond
toMillisecond toUnixTimestamp toUnixTimestamp64Milli toUnixTimestamp64Micro fromUnixTimestamp fromUnixTimestamp64Milli
fromUnixTimestamp64Micro toStartOfYear toStartOfISOYear toStartOfQuarter toStartOfMonth toStartOfWeek toMonday
toStartOfDay toStartOfHour toStartOfMinute toStartOfSecond toStartOfFiveMinutes toStartOfTenMinutes
toStartOfFifteenMinutes toStartOfInterval toLastDayOfMonth toLastDayOfWeek toYYYYMM toYYYYMMDD toYYYYMMDDhhmmss
dateDiff date_diff age dateTrunc date_trunc formatDateTime dateName monthName makeDate addYears addQuarters addMonths
addWeeks addDays addHours addMinutes addSeconds subtractYears subtractQuarters subtractMonths subtractWeeks
subtractDays subtractHours subtractMinutes subtractSeconds timeSlot toIntervalSecond toIntervalMinute toIntervalHour
toIntervalDay toIntervalWeek toIntervalMonth toIntervalQuarter toIntervalYear empty notEmpty length lengthUTF8
char_length lower upper reverse reverseUTF8 concat concatWithSeparator concat_ws substring substr substringUTF8 left
right leftUTF8 rightUTF8 trim trimLeft trimRight trimBoth ltrim rtrim startsWith endsWith startsWithUTF8 endsWithUTF8
position positionUTF8 positionCaseInsensitive positionCaseInsensitiveUTF8 locate countSubstrings
countSubstringsCaseInsensitive hasToken hasTokenCaseInsensitive like notLike ilike notILike match extract extractAll
extractAllGroups regexpExtract replace replaceAll replaceOne replaceRegexpAll replaceRegexpOne splitByChar
splitByString splitByRegexp splitByWhitespace splitByNonAlpha alphaTokens arrayStringConcat hex leftPad rightPad
leftPadUTF8 rightPadUTF8 lpad rpad isValidUTF8 toValidUTF8 initcap initcapUTF8 editDistance jaroWinklerSimilarity
levenshteinDistance multiSearchAny multiSearchAnyCaseInsensitive multiSearchFirstIndex cityHash64 xxHash64 sipHash64
halfMD5 domain domainWithoutWWW topLevelDomain cutToFirstSignificantSubdomain firstSignificantSubdomain protocol path
pathFull queryString fragment extractURLParameter extractURLParameters extractURLParameterNames cutQueryString
cutFragment cutQueryStringAndFragment cutWWW cutURLParameter decodeURLComponent encodeURLComponent JSONHas JSONLength
JSONType JSONKey JSONExtract JSONExtractString JSONExtractInt JSONExtractUInt JSONExtractFloat JSONExtractBool
JSONExtractRaw JSONExtractArrayRaw isValidJSON toJSONString JSON_VALUE JSON_QUERY JSON_EXISTS simpleJSONExtractString
simpleJSONExtractFloat simpleJSONExtractInt simpleJSONExtractBool simpleJSONExtractRaw simpleJSONHas array tuple map
tupleElement mapKeys mapValues mapContains mapContainsKey mapFromArrays arrayConcat arrayElement arrayElementOrNull has
hasAll hasAny hasSubstr indexOf countEqual arrayEnumerate arrayEnumerateUniq arrayPopBack arrayPopFront arrayPushBack
arrayPushFront arraySlice arraySort arrayReverseSort arrayPartialSort arrayUniq arrayDistinct arrayCompact
arrayIntersect arrayReverse arrayFlatten arrayZip arrayMap arrayFilter arrayFill arrayReverseFill arraySplit
arrayExists arrayAll arrayFirst arrayFirstOrNull arrayLast arrayLastOrNull arrayFirstIndex arrayLastIndex arrayMin
arrayMax arraySum arrayAvg arrayCount arrayProduct arrayJoin range rank dense_rank row_number ntile percent_rank
cume_dist lag lead lagInFrame leadInFrame first_value last_value nth_value
"""
_AGGREGATES: Final = """
count sum avg min max any anyLast argMin argMax uniq uniqExact uniqCombined uniqCombined64 uniqHLL12 median quantile
quantiles quantileExact quantilesExact quantileTiming quantilesTiming stddevPop stddevSamp varPop varSamp covarPop
covarSamp corr skewPop skewSamp kurtPop kurtSamp sumKahan sumCount groupArray groupUniqArray groupArraySample
groupArrayLast topK topKWeighted windowFunnel
"""
_COMBINATORS: Final = ("If", "Distinct", "OrNull", "OrDefault", "Array", "ArrayIf", "OrNullIf", "OrDefaultIf")
_ALLOWED: Final = {name.lower(): name for name in (*_PLAIN.split(), *_AGGREGATES.split())}


def _combined() -> Iterator[str]:
    for name in _AGGREGATES.split():
        for combinator in _COMBINATORS:
            yield name + combinator


_ALLOWED.update({name.lower(): name for name in _combined() if name.lower() not in _ALLOWED})


def allowed_functions() -> list[str]:
    """The names of the functions, without those of aggregates with a combinator."""
    return sorted({*_PLAIN.split(), *_AGGREGATES.split()}, key=str.lower)


def function_name(name: str) -> str:
    """The function's name as the store knows it. Raises SqlRefused for a function that is not allowed."""
    found = _ALLOWED.get(name.lower())
    if found is None:
        raise SqlRefused(f"function {name[:80]!r} is not allowed; allowed are {', '.join(allowed_functions())}")
    return found
