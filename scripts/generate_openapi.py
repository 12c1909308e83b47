"""Writes docs/openapi.json: `python -m scripts.generate_openapi`. A test keeps it current."""

from __future__ import annotations

import json
from pathlib import Path

from entrypoints.http.openapi.document import openapi_document

PAGE = Path(__file__).resolve().parents[1] / "docs" / "openapi.json"


def page() -> str:
    """The whole document, for a server with every route, that may or may not want a key."""
    return json.dumps(openapi_document(share=True), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")


if __name__ == "__main__":
    main()
