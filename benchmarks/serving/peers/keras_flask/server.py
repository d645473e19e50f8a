"""Keras behind Flask, as tutorials have it. MODEL is the path of the ``.keras`` file."""

from __future__ import annotations

import os

import flask
import keras
import numpy as np

app = flask.Flask(__name__)
model = keras.models.load_model(os.environ["MODEL"])
labels = [str(index) for index in range(model.output_shape[1])]


@app.post("/predict")
def predict() -> flask.Response:
    """Answers ``{"instances": […]}``."""
    instances = np.array(flask.request.get_json()["instances"], dtype=np.float32)
    predictions = []
    for row in model.predict(instances, verbose=0):
        best = int(row.argmax())
        by_label = dict(zip(labels, row.tolist(), strict=True))
        predictions.append(
            {"label": labels[best], "score": by_label[labels[best]], "scores": by_label}
        )
    return flask.jsonify(predictions=predictions)
