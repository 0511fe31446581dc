"""Files that are whole at any moment: what is written takes the place of what was there in one step."""

from pathlib import Path


def replace_file(file: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    aside = file.with_name(f"{file.name}.partial")
    aside.write_bytes(content)
    aside.replace(file)
