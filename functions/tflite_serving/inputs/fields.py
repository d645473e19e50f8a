"""Field names of a request: a model's inputs, and the columns of its record inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

from tflite_serving.contract.tensors import InputSpec
from tflite_serving.errors import RequestError
from tflite_serving.inputs.diagnose import join_names, nearest, shortened
from tflite_serving.inputs.missing import default_of, missing_value_hint
from tflite_serving.inputs.raw import RawInput


class Fields:
    """Field names that requests to a model may use, computed once.

    An input that has columns may also be sent whole, under its own name.

    Args:
        inputs: Inputs of the model.
    """

    def __init__(self, inputs: Sequence[InputSpec]) -> None:
        self.inputs = tuple(inputs)
        self._with_columns = frozenset(spec.name for spec in inputs if spec.fields != (spec,))
        self._layouts: dict[frozenset[str], Layout] = {}

    def layout(self, given: Collection[str]) -> Layout:
        """Layout of a request, by the names that it uses."""
        whole = self._with_columns.intersection(given) if self._with_columns else frozenset()
        found = self._layouts.get(whole)
        if found is None:
            found = self._layouts[whole] = Layout(self.inputs, whole)
        return found


class Layout:
    """One way to send a model's inputs by name.

    Args:
        inputs: Inputs of the model.
        whole: Names of the inputs with columns that are sent whole.

    Attributes:
        names: Names of all fields, in the order of the inputs and of their columns.
    """

    def __init__(self, inputs: Sequence[InputSpec], whole: Collection[str]) -> None:
        parts = [(spec, (spec,) if spec.name in whole else spec.fields) for spec in inputs]
        self._fields = {field.name: field for _, fields in parts for field in fields}
        self._parts = [
            (spec.name, () if fields == (spec,) else tuple(field.name for field in fields))
            for spec, fields in parts
        ]
        self.names = tuple(self._fields)
        self._inputs = tuple(inputs)

    @property
    def fields(self) -> Mapping[str, InputSpec]:
        """Each field as an input of its own, by name."""
        return self._fields

    @cached_property
    def _values_of(self) -> Callable[[Any], tuple[object, ...]]:
        if len(self.names) > 1:
            return itemgetter(*self.names)
        (name,) = self.names
        return lambda record: (record[name],)

    def of_rows(
        self, records: Sequence[object], place: str, *, may_hold_others: bool
    ) -> dict[str, RawInput]:
        """Inputs of a batch in row format, an object for each instance.

        Args:
            records: Instances, as parsed; expected to be objects.
            place: Place of an instance, such as ``instances[{}]``, without a ``{column}``.
            may_hold_others: See `RawInput`.

        Raises:
            RequestError: An instance is no object, lacks a name, or has an unknown one.
        """
        values_of, count = self._values_of, len(self.names)
        rows: list[Sequence[object]] = []
        for index, record in enumerate(records):
            try:
                values = values_of(record)
            except (KeyError, TypeError):
                values = self._looked_at(record, place.format(index))
            else:
                if len(record) != count:  # type: ignore[arg-type]  # it had values by name
                    self._looked_at(record, place.format(index))
            rows.append(values)
        return self._apart(rows, f"{place}.{{column}}", may_hold_others=may_hold_others)

    def of_columns(
        self, columns: Mapping[str, Sequence[object]], place: str, *, may_hold_others: bool
    ) -> dict[str, RawInput]:
        """Inputs of a batch in column format.

        Args:
            columns: Columns by name, all of the same length; an absent column is missing in every
                row.
            place: Place of a value, such as ``rows[{}].{column}``.
            may_hold_others: See `RawInput`.
        """
        batch = len(next(iter(columns.values())))
        nothing = (None,) * batch
        rows = list(zip(*(columns.get(name, nothing) for name in self.names), strict=True))
        return self._apart(rows, place, may_hold_others=may_hold_others)

    def _check_form(self, name: str, place: str) -> None:
        """Raises `RequestError` if a name would be known in another layout."""
        for spec in self._inputs:
            names = [field.name for field in spec.fields]
            if name == spec.name or name in names:
                raise RequestError(
                    "unknown_input",
                    f"{place}{name}: expected either {spec.name!r} as a list or its values by name "
                    f"({join_names(names)}), and the same in all of a request, got both",
                )

    def check_names(self, names: Collection[str], place: str) -> None:
        """Raises `RequestError` if a name is unknown, or a required one is absent.

        Args:
            names: Names in a request.
            place: Place of the object that has the names, with a separator behind it.
        """
        unknown = self.unknown(names)
        if unknown is not None:
            self._check_form(unknown, place)
            raise RequestError(
                "unknown_input",
                f"{place}{shortened(unknown)}: no such input; {nearest(unknown, self.names)}",
            )
        missing = self.missing(names)
        if missing is not None:
            raise RequestError(
                "missing_input",
                f"{place}{missing.name}: expected a value, got nothing"
                f"{missing_value_hint(missing, missing.name)}",
            )

    def unknown(self, names: Iterable[str]) -> str | None:
        """The first of the names that a client sent that is none of these; None if all are."""
        return next((name for name in names if name not in self._fields), None)

    def missing(self, names: Collection[str]) -> InputSpec | None:
        """The first field that must be there and is not among the names; None if none must."""
        return next(
            (
                field
                for name, field in self._fields.items()
                if name not in names and default_of(field) is None
            ),
            None,
        )

    def _looked_at(self, record: object, place: str) -> tuple[object, ...]:
        if not isinstance(record, dict):
            raise RequestError(
                "wrong_shape",
                f"{place}: expected an object with {join_names(self.names)}, got {_kind(record)}",
            )
        self.check_names(record, f"{place}.")
        return tuple(record.get(name) for name in self.names)

    def _apart(
        self, rows: Sequence[Sequence[object]], place: str, *, may_hold_others: bool
    ) -> dict[str, RawInput]:
        found, start = {}, 0
        for name, columns in self._parts:
            end = start + (len(columns) or 1)
            if columns:
                values: list[object] = [list(row[start:end]) for row in rows]
                found[name] = RawInput(values, place, may_hold_others, columns)
            else:
                values = [row[start] for row in rows]
                own = place.replace("{column}", _escaped(name))
                found[name] = RawInput(values, own, may_hold_others)
            start = end
        return found


def _escaped(name: str) -> str:
    return name.replace("{", "{{").replace("}", "}}")


def _kind(value: object) -> str:
    kinds: Mapping[type, str] = {list: "a list", str: "a string"}
    return kinds.get(type(value), "null" if value is None else str(value).lower())
