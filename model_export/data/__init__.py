"""The examples of an export: three splits, each with its own use.

A source is ``package.module:function``, which takes no arguments, or a ``.npz`` file. The function
returns ``{"train": (x, y), "validation": (x, y), "test": (x, y)}``, or a batched `tf.data.Dataset`
for each; the file has the arrays ``x_train``, ``y_train``, ``x_validation`` and so on, or by name
``x_train_<input>`` and ``y_train_<output>``. ``x`` is one array, or a dict of arrays by
input name; pictures may also be paths of files, relative to the recipe, or a list of arrays of
different sizes (see `model_export.pictures`). ``y`` holds class indices or one-hot rows, for
several labels rows of 0 and 1, or for a regression the values. A model with several outputs has a
dict of these by output name.
"""
