"""Lists TensorFlow's and TensorFlow Text's operators that compute, and keep what they computed.

    python tools/harmless_operators.py > model_export/tf/harmless_operators.txt

The rule: an operator with a kernel for processors that has no state, or one of a few whose state is
a variable, a table or a random number generator; and none whose name speaks of files, datasets,
debugging, Python, other machines or other compilers. The list is kept in the repository, so that
an operator that comes with another TensorFlow is refused until somebody has looked at it.
"""

from __future__ import annotations

import re

import tensorflow as tf
import tensorflow_text
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.framework import kernels

_DOUBTFUL = re.compile(
    r"^_|^Test|^Old$|^Kernel|Abort|Accumulator[A-Z]|Aggregator|Barrier|^Batch(Function)?$|Collective"
    r"|CompositeTensor|CompressElement|ConstructionFails|Copy|CustomCall|DTensor|Dataset|Debug|Fact$"
    r"|File|GetDeadline|GetElementAtIndex|GetOptions|ImmutableConst|Iterator|Mlir|Optional"
    r"|Prelinearize|Proto|PyFunc|Queue|Reader|Rpc|Sdca|Snapshot|Summary|SymbolicGradient|TPU|Unbatch"
    r"|VocabRemapping|Xla"
)
_WITH_STATE = re.compile(
    r"(Anonymous)?(Mutable(Dense)?)?HashTable(OfTensors)?(V2)?"
    r"|LookupTable(Export|Find|Import|Insert|Remove|Size)V2|InitializeTableV2"
    r"|(Assign(Add|Sub)?|Read)VariableOp|VarHandleOp|VarIsInitializedOp|VariableShape|Variable(V2)?"
    r"|TemporaryVariable|DestroyResourceOp|DisableCopyOnRead|Empty|DeepCopy|GuaranteeConst"
    r"|Resource(Scatter\w+|Gather(Nd)?|StridedSliceAssign|CountUpTo)"
    r"|StatefulPartitionedCall|If|While|Case|Assert|Print|CheckNumerics(V2)?|Timestamp"
    r"|TensorArray\w*|Stack(Push|Pop|Close)?(V2)?|CudnnRNN\w*"
    r"|Stateful(Random|Standard|Truncated|Uniform)\w+|Rng\w+|StatelessRandomGetAlg"
    r"|Random(Crop|Gamma|Poisson(V2)?|Shuffle|StandardNormal|Uniform(Int)?)|TruncatedNormal"
    r"|ParameterizedTruncatedNormal|Multinomial|NonDeterministicInts|SampleDistortedBoundingBox(V2)?"
)
_PURE = {"ShardedFilename", "ShardedFilespec", "TensorListPushBackBatch", "PlaceholderWithDefault"}
"""Operators that have no state and no kernel of their own, or a name like a doubtful one's."""


def harmless_operators() -> list[str]:
    """Names of the operators, sorted."""
    assert tf.__version__  # each of which registers its own
    assert tensorflow_text.__version__
    known = op_def_pb2.OpList.FromString(
        pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    )
    runs = {
        kernel.op
        for kernel in kernels.get_all_registered_kernels().kernel
        if kernel.device_type in {"CPU", "DEFAULT"}
    }
    return sorted(
        op.name
        for op in known.op
        if op.name in _PURE
        or (op.is_stateful and _WITH_STATE.fullmatch(op.name))
        or (not op.is_stateful and op.name in runs and not _DOUBTFUL.search(op.name))
    )


if __name__ == "__main__":
    print("\n".join(harmless_operators()))
