"""A model that takes a record of numbers alone: no layer is cut off of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from click.testing import Result

from tests.support.serving import running


def test_a_record_of_numbers_alone_is_answered_as_keras_answers_it(
    cli: Callable[..., Result], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=64).astype(np.float32) for name in ("height", "width")}
    y = (x["height"] > x["width"]).astype(np.int64)
    splits: dict[str, Any] = {"x": np.stack(list(x.values()), axis=1), "y": y}
    np.savez(tmp_path / "shapes.npz", **splits)
    (tmp_path / "shapes_data.py").write_text(
        "from pathlib import Path\n"
        "import numpy as np\n"
        "def splits():\n"
        "    data = np.load(Path(__file__).parent / 'shapes.npz')\n"
        "    x = dict(zip(('height', 'width'), data['x'].T))\n"
        "    return dict.fromkeys(('train', 'validation', 'test'), (x, data['y']))\n"
    )
    keras.utils.set_random_seed(0)
    inputs = [keras.Input((1,), name=name) for name in x]
    hidden = keras.layers.Dense(8, activation="relu")(keras.layers.Concatenate()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.save(tmp_path / "model.keras")
    (tmp_path / "recipe.toml").write_text(
        """
        model = {name = "shapes", source = "model.keras", labels = ["wide", "high"]}
        data = {source = "shapes_data:splits"}
        quantize = {variants = ["float32"]}
        measure = {starts = 1, rounds = 2}
        publish = {registry = "registry", alias = "production"}
        """
    )
    result = cli("export", tmp_path / "recipe.toml")
    assert result.exit_code == 0, result.stderr
    expected = model.predict({name: each[:20, None] for name, each in x.items()}, verbose=0)[:, 0]
    rows = [{name: float(each[row]) for name, each in x.items()} for row in range(20)]
    settings = {"MODEL_REGISTRY": str(tmp_path / "registry"), "MODELS": "shapes"}
    with running("predict", settings, tmp_path) as function:
        answer = function.post("/predict", {"instances": rows}).json()["predictions"]
    scores = np.array([each["scores"]["high"] for each in answer])
    assert np.abs(scores - expected).max() <= 1e-5
