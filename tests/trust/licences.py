"""The licences of all that the lock installs: ``python tests/trust/licences.py`` writes the list anew."""

import csv
import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("licences.csv")
LOCKS = (ROOT / "requirements.txt", Path(__file__).with_name("requirements.txt"))

#: Licences under which a package may be used beside MIT code: permissive, or copyleft that ends at its own files.
COMPATIBLE = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Zlib",
              "Apache-2.0 WITH LLVM-exception", "LicenseRef-Public-Domain"}

#: Words by which packages that give no SPDX expression name their licence.
SPOKEN = {
    "BSD": "BSD-3-Clause", "BSD License": "BSD-3-Clause", "BSD-3-Clause": "BSD-3-Clause", "BSD 3-Clause License": "BSD-3-Clause", "2-clause BSD": "BSD-2-Clause",
    "BSD-2-Clause": "BSD-2-Clause", "BSD 2-Clause License": "BSD-2-Clause", "MIT": "MIT", "MIT License": "MIT", "MIT license": "MIT", "Apache 2.0": "Apache-2.0",
    "Apache-2.0": "Apache-2.0", "Apache Software License": "Apache-2.0", "Apache License, Version 2.0": "Apache-2.0", "ISC license": "ISC",
    "ISC License (ISCL)": "ISC", "MPL-2.0": "MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0", "MPL-2.0 AND MIT": "MPL-2.0 AND MIT", "Public Domain": "LicenseRef-Public-Domain",
}

#: Read by hand in the packages' own licence files, where the metadata are silent or name several; and packages that only
#: another system or Python installs.
BY_HAND = {"docutils": "LicenseRef-Public-Domain AND BSD-2-Clause AND PSF-2.0", "axe-playwright-python": "MIT AND MPL-2.0"}
ELSEWHERE = {"aiohappyeyeballs": "PSF-2.0", "aiohttp": "Apache-2.0 AND MIT", "aiosignal": "Apache-2.0", "appnope": "BSD-2-Clause", "colorama": "BSD-3-Clause",
             "frozenlist": "Apache-2.0", "multidict": "Apache-2.0", "propcache": "Apache-2.0", "pywinpty": "MIT", "pyyaml-ft": "MIT", "yarl": "Apache-2.0"}


def locked(everywhere=False):
    """Canonical names of the packages that the locks install on this machine, or on any that the study runs on."""
    lines = [line.rstrip(" \\") for lock in LOCKS for line in lock.read_text("utf-8").splitlines() if re.match(r"[A-Za-z0-9]", line)]
    wanted = [Requirement(line) for line in lines]
    return sorted({canonicalize_name(each.name) for each in wanted if everywhere or each.marker is None or each.marker.evaluate()})


def licence(name):
    """A package's licence as an SPDX expression; empty where its metadata do not tell."""
    if name in BY_HAND | ELSEWHERE:
        return (BY_HAND | ELSEWHERE)[name]
    about = metadata.metadata(name)
    if expression := about.get("License-Expression"):
        return expression
    classes = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier", []) if each.startswith("License ::")]
    words = [about.get("License", "").strip().partition("\n")[0].strip(), *classes]
    return next((SPOKEN[word] for word in words if word in SPOKEN), "")


def parts(expression):
    """The licences that an SPDX expression names."""
    return {part.strip("() ") for part in re.split(r"\bAND\b|\bOR\b", expression)}


def main():
    """Write the list."""
    with open(LIST, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["package", "licence"])
        writer.writerows((name, licence(name)) for name in locked(everywhere=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
