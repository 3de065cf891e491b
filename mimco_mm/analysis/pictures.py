from pathlib import Path

FORMATS = ('.png', '.svg', '.pdf')


def picture_file(path: Path) -> Path:
    """``path``, when it can become a picture; its folder is made.

    Raises:
        ValueError: the suffix is of no format for pictures.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f'a picture is one of {", ".join(FORMATS)} by its suffix, got '
                         f'--out {path}')
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
