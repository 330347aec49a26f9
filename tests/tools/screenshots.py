"""Take the pictures of the pages that the README shows, in light and dark; needs Chromium and MNIST.

.venv/bin/python tests/tools/screenshots.py
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

sys.path.append(str(Path(__file__).parent.parent))
from tools.readme import PAGE_PICTURES, PICTURES_FOLDER, ROOT, committed_run

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SIZE = {"width": 860, "height": 1000}
ARGUMENTS = {"report": [str(committed_run("bn_vs_plain"))], "lecture": ["--claims"]}


def main() -> None:
    """Write each page into a folder of its own, and take its pictures."""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        for name in PAGE_PICTURES:
            file = Path(folder, f"{name}.html")
            subprocess.run(
                [sys.executable, "-m", "bnreg", "report", *ARGUMENTS[name], "-o", file], cwd=ROOT, check=True
            )
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport=SIZE, color_scheme=scheme)
                page.goto(file.as_uri())
                page.wait_for_selector("html[data-drawn]")
                page.screenshot(path=ROOT / PICTURES_FOLDER / f"{name}_{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
