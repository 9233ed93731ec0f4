"""What people have filled into a PDF's form: it is no part of the page's text, and on an ICS form it is the point."""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from apps.corpora.cleaning import clean_line
from apps.corpora.extraction.pdf_lines import Box, Line

_LONGEST_VALUE = 100_000  # bytes of UTF-16
_LETTER_HEIGHT = 11.0  # points; a field says how high its box is, not its letters
_MOST_FIELDS = 5_000  # a page


def filled_fields(form: Any, page: Any) -> Iterator[tuple[str, Box]]:
    """Yield the value and the place of each text or choice field that is not empty."""
    from pypdfium2 import raw

    for number in range(min(raw.FPDFPage_GetAnnotCount(page), _MOST_FIELDS)):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        try:
            kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
            if kind in {raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX}:
                value = clean_line(_value(form, annotation))
                rectangle = raw.FS_RECTF()
                if value and raw.FPDFAnnot_GetRect(annotation, rectangle):
                    yield value, (rectangle.left, rectangle.bottom, rectangle.right, rectangle.top)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def _value(form: Any, annotation: Any) -> str:
    from pypdfium2 import raw

    buffer = (ctypes.c_ushort * (_LONGEST_VALUE // 2))()
    size = raw.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, _LONGEST_VALUE)
    return bytes(buffer)[: max(0, min(size, _LONGEST_VALUE) - 2)].decode("utf-16-le", "replace")


def with_values(lines: Sequence[Line], values: Sequence[tuple[str, Box]]) -> list[Line]:
    """Put each value behind the label on its row, else under the label that stands over it."""
    result = list(lines)
    for value, (left, bottom, right, top) in sorted(values, key=lambda each: (-each[1][3], each[1][0])):
        field = Line(text=value, x0=left, y0=top - _LETTER_HEIGHT, x1=right, size=_LETTER_HEIGHT)
        beside = [each for each in result if each.x0 < left and bottom - 2 <= each.y0 + each.size / 2 <= top + 2]
        over = [each for each in result if each.y0 >= top - 4 and each.x0 < right and left < each.x1 + each.size]
        if beside:
            label = max(beside, key=lambda each: each.x0)
            result[result.index(label)] = replace(label, text=f"{label.text} {value}", x1=max(label.x1, right))
        elif over:
            label = min(over, key=lambda each: each.y0)
            result.insert(result.index(label) + 1, field)
        else:
            result.append(field)
    return result
