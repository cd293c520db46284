"""The learning-rate range test that says how far smoothing moved the minimum.

Public names are listed in `__init__.pyi` and imported on first use, so that reading a saved result
does not import torch.
"""

import lazy_loader

from lrfind._version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
