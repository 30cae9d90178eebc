"""Operations that LLVM has and numba does not offer: fused multiply-add and a bicubic read.

Both are written as LLVM instructions. So what is rounded, and in which order values
are added, is the same on every processor.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

# Bicubic weights of four pixels as polynomials of t: constants, then t, t^2, t^3.
CUBIC = (
    (0.0, 1.0, 0.0, 0.0),
    (-0.75, 0.0, 0.75, 0.0),
    (1.5, -2.25, 1.5, -0.75),
    (-0.75, 1.25, -1.25, 0.75),
)


@intrinsic
def fma(context: Any, x: Any, y: Any, z: Any) -> Any:
    """Return x y + z, rounded once.

    It is explicit because a compiler that may contract does so on one processor
    and not on the next, and the flow would differ.
    """
    del context

    def code(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        del target, signature
        return builder.fma(*values)

    return types.float32(types.float32, types.float32, types.float32), code


@intrinsic
def bicubic(
    context: Any, image: Any, corner: Any, line: Any, x: Any, y: Any
) -> Any:  # fmt: skip
    """Return three channels of 4 x 4 interleaved pixels, interpolated (Keys, a = -3/4).

    The point lies ``x`` and ``y``, 0 to 1, after the second pixel and row. Sixteen
    neighbouring values, four pixels of four channels, are one vector. Four of
    these, one a row, are weighted and added; the sum is weighted along x, and its
    quarters are added. Without this LLVM reads the 48 values one by one.
    """
    del context
    array = types.Array(types.float32, 1, "C")
    result = types.UniTuple(types.float32, 3)

    def code(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        real, index = ir.FloatType(), ir.IntType(32)
        four, sixteen = ir.VectorType(real, 4), ir.VectorType(real, 16)

        def fused(a: Any, b: Any, c: Any) -> Any:
            lanes = a.type.count
            name = f"llvm.fma.v{lanes}f32"
            kind = ir.FunctionType(a.type, [a.type] * 3)
            return builder.call(get_or_insert_function(builder.module, kind, name), [a, b, c])

        def pick(vector: Any, places: Any) -> Any:
            chosen = ir.Constant(ir.VectorType(index, len(places)), [index(n) for n in places])
            return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), chosen)

        def weights(t: Any) -> Any:
            """Return the cubic of each of the four pixels at ``t``."""
            one = builder.insert_element(ir.Constant(four, ir.Undefined), t, index(0))
            spread = pick(one, [0] * 4)
            result = ir.Constant(four, [real(c) for c in CUBIC[3]])
            for row in CUBIC[2::-1]:
                result = fused(result, spread, ir.Constant(four, [real(c) for c in row]))
            return result

        image_, corner_, line_, x_, y_ = values
        data = target.make_array(array)(target, builder, image_).data
        down, across = weights(y_), weights(x_)
        total, at = None, corner_
        for n in range(4):
            pointer = builder.bitcast(builder.gep(data, [at]), sixteen.as_pointer())
            row, weight = builder.load(pointer, align=4), pick(down, [n] * 16)
            total = builder.fmul(weight, row) if total is None else fused(weight, row, total)
            at = builder.add(at, line_)
        total = builder.fmul(total, pick(across, [n // 4 for n in range(16)]))
        total = builder.fadd(pick(total, range(8)), pick(total, range(8, 16)))
        total = builder.fadd(pick(total, range(4)), pick(total, range(4, 8)))
        channels = [builder.extract_element(total, index(n)) for n in range(3)]
        return target.make_tuple(builder, signature.return_type, channels)

    return result(array, types.intp, types.intp, types.float32, types.float32), code
