"""Limits on the size of resized images, checked before memory is allocated."""

from __future__ import annotations

from tflite_serving.contract.image import Resize

LONGEST_SIDE = 65_535
"""Pixels of a side that is resized, the most that a JPEG can have. A resize needs weights for each
of them: dozens of bytes, where a PNG spends a thousandth of one."""

_PADDED = 2


def oversize(
    height: int, width: int, resize: Resize, most_pixels: int, *, is_whole: bool = True
) -> str:
    """Why a picture is too large to be resized.

    Args:
        height, width: Size of the decoded picture in pixels.
        resize: Resize of the model.
        most_pixels: Largest count of pixels of one picture. What the model itself takes is never
            too much.
        is_whole: Whether the picture's values are bytes, so that its padded copy is of bytes, too.

    Returns:
        What was expected, what came and what to do, for a message; empty if it may be resized.
    """
    got = f"got {width} by {height}"
    advice = "send a smaller picture"
    if max(height, width) > LONGEST_SIDE:
        return f"expected sides of at most {LONGEST_SIDE:,} pixels, {got}; {advice}"
    most = max(most_pixels, resize.height * resize.width)
    if resize.fit == "pad":
        from tflite_serving.inputs.image_resize import padded_size

        if is_whole and resize.fill in range(256):
            most *= _PADDED
        tall, wide = padded_size(height, width, resize)
        if tall * wide > most:
            return (
                f"expected at most {most:,} pixels with the borders that the model's pictures "
                f"have, {got}, which becomes {wide} by {tall}; cut off some of the longer side, "
                f"or {advice}"
            )
    if resize.by == "pil" and width != resize.width and resize.method != "nearest":
        # Pillow resizes rows first, then columns.
        rows = height
        if resize.fit == "crop":
            rows = min(rows, width * resize.height // resize.width)
        if rows * resize.width > most:
            return (
                f"expected at most {most:,} pixels once the rows are resized, {got}, which "
                f"becomes {resize.width} by {rows}; {advice}"
            )
    return ""
