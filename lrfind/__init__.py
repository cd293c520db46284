"""The learning-rate range test that says how far smoothing moved the minimum.

The public names are listed, with their homes, in `__init__.pyi`; each is imported when first
used, so that reading a saved result never pays for importing torch.
"""

import lazy_loader

from lrfind._version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
