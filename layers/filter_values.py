"""The values that a filter looks at: brought to one form for each kind, from arrays or from a table of Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from geo.errors import InputError, Problem
from layers.filter_columns import AnyArray, Coded, Column, Kind, SpatialValues, one_of, quoted

if TYPE_CHECKING:
    from layers.columns import Column as Declared

Values: TypeAlias = ArrayLike | Coded | SpatialValues


def normal(values: Mapping[str, Values], column: Column) -> Any:  # noqa: ANN401 - array, coded texts or geometries
    """Bring a column to its one form.

    Numbers stay as they are, texts become objects or stay coded, choices and flags become positions, dates and
    timestamps numpy's datetimes; geometries are only checked for what they can do.

    Raises
    ------
    InputError
        No values, values of another kind, or texts that are no choice.
    """
    if column.name not in values:
        raise InputError(Problem(f"values of {column.name}", "are not there", "Give them to the rule that names them."))
    given = values[column.name]
    if column.kind == "geometry":
        if isinstance(given, SpatialValues):
            return given
        raise _other_kind(column, "geometries")
    if isinstance(given, Coded):
        return _coded(given, column)
    array, held = _plain(given, column)
    if column.kind == "number":
        return _numbers(array, held, column)
    if column.kind == "flag":
        return _flags(array, held, column)
    return (_instants if column.kind in {"date", "timestamp"} else _texts)(array, held, column)


def _plain(given: Any, column: Column) -> tuple[AnyArray, str]:  # noqa: ANN401
    """Make an array, and tell what it holds: the kind of its numbers, or in words what its objects are."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    array: AnyArray = np.asarray(given)
    if isinstance(given, np.ma.MaskedArray):  # what a mask hides is missing; plain numpy uncovers it
        array = array.astype(object)
        array[np.ma.getmaskarray(given)] = None
    kind = array.dtype.kind
    if kind in "UT":
        array, kind = array.astype(object), "O"
    if kind == "f" and column.kind != "number" and np.isnan(array).all():
        array, kind = np.full(array.shape, None, dtype=object), "O"  # how pandas reads a column with nothing in it
    return array, pd.api.types.infer_dtype(array.ravel(), skipna=True) if kind == "O" else kind


def shape_of(value: Any) -> tuple[int, ...]:  # noqa: ANN401
    """Shape of the values of a column; geometries are one for each row."""
    return (len(value),) if isinstance(value, SpatialValues) and not hasattr(value, "shape") else np.shape(value)


def _other_kind(column: Column, expected: str) -> InputError:
    return InputError(Problem(f"values of {column.name}", f"are not {expected}", f"Give {expected}, or missing ones."))


def _numbers(array: AnyArray, held: str, column: Column) -> AnyArray:
    import pandas as pd  # noqa: PLC0415 - slow to import

    if held in "iuf":
        return array
    if held not in {"integer", "floating", "mixed-integer-float", "decimal", "empty"}:
        raise _other_kind(column, "numbers")
    return np.where(pd.isna(array), np.nan, array).astype(np.float64)


def _flags(array: AnyArray, held: str, column: Column) -> AnyArray:
    import pandas as pd  # noqa: PLC0415 - slow to import

    if held == "b":
        return array.view(np.int8)
    if array.dtype == np.int8 and array.size and array.min() >= -1 and array.max() <= 1:
        return array
    if held in {"boolean", "empty", "integer", "floating"} or held in "iuf":
        numbers = np.where(pd.isna(array), -1, array).astype(np.float64)
        if held in {"floating", "f"} and (numbers[~pd.isna(array)] == -1).any():
            raise _other_kind(column, "booleans, or 1 and 0")
        if np.isin(numbers, (-1, 0, 1)).all():
            return numbers.astype(np.int8)
    raise _other_kind(column, "booleans, or 1 and 0")


def _instants(array: AnyArray, held: str, column: Column) -> AnyArray:
    import pandas as pd  # noqa: PLC0415 - slow to import

    if held not in {"M", "date", "datetime", "datetime64", "empty"}:
        raise _other_kind(column, "dates or times")
    if held != "M":
        flat = pd.to_datetime(pd.Series(array.ravel(), dtype=object), utc=True).dt.tz_localize(None)
        array = flat.to_numpy().reshape(array.shape)
    return array.astype("datetime64[D]" if column.kind == "date" else "datetime64[us]", copy=False)


def _texts(array: AnyArray, held: str, column: Column) -> AnyArray:
    import pandas as pd  # noqa: PLC0415 - slow to import

    if held in "iu" and column.choices is not None:
        if array.size and (array.max() >= len(column.choices) or array.min() < -1):
            raise _other_kind(column, f"positions from 0 to {len(column.choices) - 1}")
        return array.astype(np.int64) if held == "u" else array
    if held not in {"string", "empty"}:
        raise _other_kind(column, "texts" if column.choices is None else "texts or positions")
    texts = np.where(pd.isna(array), "", array)
    return texts if column.choices is None else _positions(texts, column)


def _coded(given: Coded, column: Column) -> Coded | AnyArray:
    if column.kind not in {"text", "ordered"}:
        raise _other_kind(column, {"number": "numbers", "flag": "booleans, or 1 and 0"}.get(column.kind, "dates"))
    if given.codes.size and (given.codes.max() >= len(given.texts) or given.codes.min() < -1):
        raise _other_kind(column, f"codes from -1 to {len(given.texts) - 1}")
    if column.choices is None:
        return given
    return given.spread(_positions(given.listed(), column), missing=-1)


def _positions(texts: AnyArray, column: Column) -> AnyArray:
    """Positions of texts among the choices of a column, -1 where empty."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    flat = pd.Index(texts.ravel(), dtype=object)
    positions: AnyArray = pd.Index(column.choices or (), dtype=object).get_indexer(flat)
    strange = flat[(positions < 0) & np.asarray(flat != "", dtype=np.bool_)]
    if len(strange):
        what = f"hold {len(strange)} that are no choice, {quoted(str(strange[0]))}"
        raise InputError(Problem(f"values of {column.name}", what, one_of(column)))
    return positions.reshape(texts.shape)


def columns_of(table: pa.Table, columns: Sequence[Declared]) -> list[Column]:
    """Columns of a layer that a filter may name, of the kinds that the table holds.

    Parameters
    ----------
    table
        Values of the attributes.
    columns
        Attributes of the layer, as declared; their titles are taken over.

    Returns
    -------
    list of Column
        In order. Attributes that the table lacks, and those that hold lists or bytes, cannot be filtered by.
    """
    held = {column.name: column.en for column in columns if column.name in table.column_names}
    kinds = {name: _kind(table.schema.field(name).type) for name in held}
    return [Column(name, kind, en=held[name]) for name, kind in kinds.items() if kind is not None]


def _kind(of: pa.DataType) -> Kind | None:
    types = pa.types
    if types.is_boolean(of):
        return "flag"
    if types.is_integer(of) or types.is_floating(of) or types.is_decimal(of):
        return "number"
    if types.is_dictionary(of):
        return _kind(of.value_type)
    if types.is_string(of) or types.is_large_string(of) or types.is_string_view(of) or types.is_null(of):
        return "text"
    return "date" if types.is_date(of) else "timestamp" if types.is_timestamp(of) else None


def values_of(table: pa.Table, names: Iterable[str]) -> dict[str, AnyArray | Coded]:
    """Values of columns in the forms that are fastest to filter: keep them, they take a while to make.

    Returns
    -------
    dict
        Numbers as they are, NaN where missing; texts as `Coded`; flags 1, 0 and -1; dates and timestamps as datetimes
        in UTC, NaT where missing.
    """
    return {name: _column_values(table[name]) for name in names}


def _column_values(column: pa.ChunkedArray) -> AnyArray | Coded:
    kind = _kind(column.type)
    if kind == "text":
        return _coded_of(column)
    if kind == "flag":
        return np.asarray(column.cast(pa.int8()).fill_null(-1).to_numpy())
    if kind in {"date", "timestamp"}:
        unit = "D" if kind == "date" else "us"
        whole = column.cast(pa.date32() if kind == "date" else pa.timestamp("us"), safe=False)
        return np.asarray(whole.to_numpy(zero_copy_only=False)).astype(f"datetime64[{unit}]", copy=False)
    if column.null_count or pa.types.is_decimal(column.type) or pa.types.is_dictionary(column.type):
        column = column.cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _coded_of(column: pa.ChunkedArray) -> Coded:
    import pandas as pd  # noqa: PLC0415 - slow to import

    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    whole = encoded.unify_dictionaries().combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    texts = whole.dictionary.to_numpy(zero_copy_only=False)
    codes = whole.indices.cast(pa.int32()).fill_null(-1).to_numpy(zero_copy_only=False)
    return Coded(np.asarray(codes), np.where(pd.isna(texts), "", texts).astype(object))
