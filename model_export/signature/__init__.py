"""How clients see a model: inputs, outputs, their kinds and what each output is for."""
