"""Packaging of mimco_mm: the package itself and its ``.mim`` folder with tools and configs."""

import os
import runpy
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

PACKAGE = 'mimco_mm'
ROOT = Path(__file__).resolve().parent
MIM_CONTENT = ('tools', 'configs', 'model-index.yml')


class BuildWithMim(build_py):
    """Put tools and configs under ``mimco_mm/.mim``, where ``mim`` looks for them.

    An editable build gets relative links into the checkout, so that configs never go stale; any
    other build gets copies in its own build folder, and the checkout stays as it was.
    """

    def run(self) -> None:
        super().run()
        sources = [ROOT / name for name in MIM_CONTENT if (ROOT / name).exists()]
        if self.editable_mode:
            self._link(sources, ROOT / PACKAGE / '.mim')
        else:
            self._copy(sources, Path(self.build_lib) / PACKAGE / '.mim')

    @staticmethod
    def _link(sources: list[Path], mim: Path) -> None:
        shutil.rmtree(mim, ignore_errors=True)
        mim.mkdir()
        for source in sources:
            (mim / source.name).symlink_to(os.path.relpath(source, mim))

    @staticmethod
    def _copy(sources: list[Path], mim: Path) -> None:
        shutil.rmtree(mim, ignore_errors=True)  # a build folder may be left from an older build
        mim.mkdir(parents=True)
        for source in sources:
            if source.is_dir():
                ignore = shutil.ignore_patterns('__pycache__', '*.pyc')
                shutil.copytree(source, mim / source.name, ignore=ignore)
            else:
                shutil.copy2(source, mim / source.name)


def long_description() -> str:
    readme = ROOT / 'README.md'
    return readme.read_text(encoding='utf-8') if readme.exists() else ''


setup(
    name=PACKAGE,
    version=runpy.run_path(str(ROOT / PACKAGE / 'version.py'))['__version__'],
    description='MimCo: masked image modeling pre-training with a contrastive teacher, '
                'as a plugin for mmpretrain',
    long_description=long_description(),
    long_description_content_type='text/markdown',
    author='mimco-mm authors',
    license='Apache-2.0',
    classifiers=[
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    keywords='self-supervised learning, masked image modeling, contrastive learning',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    scripts=['tools/mimco'],
    cmdclass=dict(build_py=BuildWithMim),
    python_requires='>=3.10',
    # mmpretrain comes from one of two sets of distributions (requirements/), so neither is named
    # here; importing mimco_mm checks that one of them is there, in a version that it knows.
    install_requires=['filelock', 'safetensors>=0.4'],
    zip_safe=False,
)
