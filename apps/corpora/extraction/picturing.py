"""A page of a PDF as a picture, for eyes. Runs in the child."""

from pathlib import Path
from typing import TYPE_CHECKING

from apps.corpora.extraction.pdf import open_pdf
from apps.corpora.extraction.records import ExtractionFailed, PagePicture

if TYPE_CHECKING:
    from PIL.Image import Image

# Sharp enough to read small print on a wide screen.
WIDTH = 1240
HEIGHT = 2 * WIDTH
AT_MOST_BYTES = 150_000
# (width in pixels, quality): the first that is light enough, or the last.
_TRIES = ((WIDTH, 80), (WIDTH, 55), (900, 50), (700, 30))


def picture(path: Path, number: int, *, into: Path) -> PagePicture:
    """Draw page `number`, from 1, as WebP into the file `into`; raise ExtractionFailed where that is not possible."""
    import pypdfium2

    pdf = open_pdf(path)
    if not 1 <= number <= len(pdf):
        raise ExtractionFailed(f"This PDF has no page {number:,}; its last one is {len(pdf):,}.")
    if pdf.get_formtype():
        pdf.init_forms()
    try:
        page = pdf[number - 1]
        width, height = page.get_size()
        scale = min(WIDTH / max(width, 1), HEIGHT / max(height, 1))
        drawn = page.render(scale=scale).to_pil().convert("RGB")
    except pypdfium2.PdfiumError as error:
        raise ExtractionFailed(f"Page {number:,} is damaged and cannot be drawn.") from error
    shown = _saved(drawn, into)
    return PagePicture(path=into, width=shown.width, height=shown.height)


def _saved(drawn: "Image", into: Path) -> "Image":
    """Save `drawn`, made smaller until it is light enough; return it as it was saved."""
    shown = drawn
    for width, quality in _TRIES:
        shown = drawn if drawn.width <= width else drawn.resize((width, round(drawn.height * width / drawn.width)))
        shown.save(into, "WEBP", quality=quality, method=4)
        if into.stat().st_size <= AT_MOST_BYTES:
            break
    return shown
