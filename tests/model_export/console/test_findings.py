"""What was found out about a model, for people."""

from __future__ import annotations

import io

from model_export.console.console import open_console
from model_export.console.findings import print_parity
from model_export.verification.comparison import Difference, OutputParity, Parity

SPECIES = OutputParity("species", label_agreement=0.98, largest=0.25, mean=0.01)
PRICE = OutputParity("price", label_agreement=None, largest=7.5, mean=0.5)


def shown(*outputs: OutputParity) -> list[str]:
    worst = Difference(
        *("test[3]", "x=1", "before", "after", 7.5),
        {output.output: output.largest / 2 for output in outputs},
    )
    agreement = next((o.label_agreement for o in outputs if o.label_agreement), None)
    parity = Parity("iris", "v1", "model.keras", 50, agreement, 7.5, 0.3, (worst,), outputs)
    file = io.StringIO()
    print_parity(parity, open_console(file))
    return file.getvalue().splitlines()


def test_of_one_output_all_is_told_in_a_line() -> None:
    assert shown(SPECIES)[0] == (
        "iris v1 against model.keras: 50 asked, 98.00% of the labels agree; scores differ by 0.25 "
        "at most, 0.01 on average"
    )
    assert shown(PRICE)[0].endswith("50 asked, values differ by 7.5 at most, 0.5 on average")
    equal = OutputParity("price", None, 0.0, 0.0)
    assert shown(equal)[0].endswith("50 asked, values are equal")


def test_differences_of_several_outputs_are_told_apart() -> None:
    lines = shown(SPECIES, PRICE)
    assert lines[:3] == [
        "iris v1 against model.keras: 50 asked, 98.00% of the labels agree",
        "  species: 98.00% of the labels agree; scores differ by 0.25 at most, 0.01 on average",
        "  price: values differ by 7.5 at most, 0.5 on average",
    ]
    assert any(line.endswith("species: 0.12; price: 3.8") for line in lines)
