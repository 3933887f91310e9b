"""Compiles the gettext catalogues while the package is built, and lists its folders, one of which
lives elsewhere; all the rest is in pyproject.toml."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

PACKAGE = "udata_culture_feedback.translations"


class BuildWithCatalogues(build_py):
    """Writes each `.po` of `translations/` as a `.mo`: into the wheel, or beside the `.po` when
    the install is editable (where the source folder itself is imported)."""

    def run(self) -> None:
        source = Path(self.get_package_dir(PACKAGE))
        built = Path(self.build_lib, *PACKAGE.split("."))
        target = source if self.editable_mode else built
        super().run()
        for po in source.rglob("*.po"):
            mo = target / po.relative_to(source).with_suffix(".mo")
            mo.parent.mkdir(parents=True, exist_ok=True)
            with po.open("rb") as text, mo.open("wb") as compiled:
                write_mo(compiled, read_po(text))


setup(
    packages=[*find_packages(include=["udata_culture_feedback*"]), PACKAGE],
    package_dir={PACKAGE: "translations"},
    cmdclass={"build_py": BuildWithCatalogues},
)
