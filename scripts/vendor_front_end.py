"""Fetch the front-end files that the pages use, from npm, into the repository.

    python scripts/vendor_front_end.py

It needs npm and the Internet; nothing else of Rollkeeper does, because what it writes is committed. Each file is
written under `src/rollkeeper/web/static/web/vendor/` with its package's licence; `MANIFEST.json` there names the
packages and the SHA-256 of every file, and `tests/web/test_vendored_files.py` holds it. To move to another
version, change PACKAGES, run this, read the diff, run the page tests.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).parent.parent / "src/rollkeeper/web/static/web/vendor"
TABLER = "@tabler/core"
HTMX = "htmx.org"
TABLER_ICONS = "@tabler/icons"
BOOTSTRAP = "bootstrap"  # Tabler's style sheet contains it: only its licence is taken
PACKAGES = {TABLER: "1.6.1", HTMX: "2.0.11", TABLER_ICONS: "3.51.0", BOOTSTRAP: "5.3.8"}

# Only the icons that a page shows. `tests/web/test_vendored_files.py` says when one is missing or unused.
ICONS = (
    "address-book", "arrow-right", "chevron-left", "chevron-right", "chevrons-left", "device-desktop",
    "download", "edit", "filter", "history", "home", "key", "logout", "mail", "menu-2", "moon", "player-play",
    "plug-connected", "plus", "refresh", "report", "search", "settings", "sun", "tool", "user", "users",
)  # fmt: skip


def main() -> None:
    """Fetch, write, and list what was written."""
    with tempfile.TemporaryDirectory() as folder:
        packages = {name: fetch(name, version, Path(folder)) for name, version in PACKAGES.items()}
        written = {
            "tabler.min.css": without_source_map(read(packages[TABLER], "dist/css/tabler.min.css")),
            "htmx.min.js": without_source_map(read(packages[HTMX], "dist/htmx.min.js")),
            "icons.svg": sprite(packages[TABLER_ICONS]),
            "LICENSE.tabler.txt": tabler_licence(packages),
            "LICENSE.tabler-icons.txt": read(packages[TABLER_ICONS], "LICENSE"),
            "LICENSE.htmx.txt": read(packages[HTMX], "LICENSE"),
            "LICENSE.bootstrap.txt": read(packages[BOOTSTRAP], "LICENSE"),
        }
    VENDOR.mkdir(parents=True, exist_ok=True)
    for stale in VENDOR.iterdir():
        stale.unlink()
    for name, text in written.items():
        (VENDOR / name).write_text(text, encoding="utf-8")
    (VENDOR / "MANIFEST.json").write_text(json.dumps(manifest(written), indent=2) + "\n")


def fetch(name: str, version: str, folder: Path) -> Path:
    """The unpacked npm package; npm checks its integrity against the registry's."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()
    target = folder / packed.removesuffix(".tgz")
    with tarfile.open(folder / packed) as archive:
        archive.extractall(target, filter="data")
    return target / "package"


def read(package: Path, path: str) -> str:
    return (package / path).read_text(encoding="utf-8")


def without_source_map(text: str) -> str:
    """The text without its `sourceMappingURL`, which would point to a file that is not here."""
    return re.sub(r"\s*(/\*# sourceMappingURL=.*?\*/|//# sourceMappingURL=.*)\s*$", "\n", text)


def sprite(package: Path) -> str:
    """One SVG with a symbol an icon; a page shows one by `<use href="icons.svg#name">`."""
    symbols = [symbol(name, read(package, f"icons/outline/{name}.svg")) for name in ICONS]
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def symbol(name: str, svg: str) -> str:
    paths = re.findall(r'<path d="[^"]+" />', svg)
    return f'<symbol id="{name}" viewBox="0 0 24 24">{"".join(paths)}</symbol>'


def tabler_licence(packages: dict[str, Path]) -> str:
    """Tabler's package has no licence file: the notice of its style sheet over the text of the MIT licence."""
    banner = read(packages[TABLER], "dist/css/tabler.min.css").partition("/*!")[2].partition("*/")[0]
    notices = "\n".join(re.findall(r"Copyright .*", banner))
    terms = read(packages[TABLER_ICONS], "LICENSE").partition("Permission is hereby granted")
    return f"MIT License\n\n{notices}\n\n{terms[1]}{terms[2]}"


def manifest(written: dict[str, str]) -> dict[str, dict[str, str]]:
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(written.items())}
    return {"packages": PACKAGES, "files": hashes}


if __name__ == "__main__":
    main()
